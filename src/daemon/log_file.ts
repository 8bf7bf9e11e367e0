/**
 * The log file of a background process. It is appended to, and rotated: if it is longer than {@linkcode MAX_LENGTH}, it
 * becomes `<name>.1`, which becomes `<name>.2`, and so on; the last of the {@linkcode KEPT} old files is removed.
 *
 * The process locks the file, so that no other process writes to it, and none removes it as an old file
 * (log_sweep.ts). The lock belongs to the open file description (flock(2)), so a process that receives the descriptor
 * holds the lock too.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { systemReason } from "../base/system_error.ts";
import { parentDirectory } from "../ipc/runtime_directory.ts";
import type { Fd } from "../system/fd.ts";
import { lockFile } from "../system/lock.ts";
import { statFd } from "../system/memory.ts";
import { openRegular, truncate } from "../system/regular_file.ts";

/** Length in bytes above which a file is rotated. */
export const MAX_LENGTH = 1024 * 1024;
/** Number of old files. */
export const KEPT = 4;

/** Readable by the group of the directory: `adm` for /var/log/ipoib. */
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o750;

export interface LogFileOptions {
  /**
   * True for a file given by the user: a symbolic link is followed when the file is opened, and the target is rotated
   * in its own directory; no other file is used instead.
   */
  named: boolean;
}

export class LogFile implements Disposable {
  /** Path of the file, not that of a symbolic link to it. */
  readonly path: string;
  readonly #options: LogFileOptions;
  #file: Fd;

  private constructor(path: string, options: LogFileOptions, file: Fd) {
    this.path = options.named ? targetOf(path) : path;
    this.#options = options;
    this.#file = file;
  }

  /**
   * Opens or creates the file and its directory. If another process writes to the file, `<name>-<PID>.log` is used
   * instead, or `E_LOG_FILE` (EBUSY) is thrown for a file given by the user. Throws `E_LOG_FILE`.
   */
  static open(path: string, options: LogFileOptions): LogFile {
    makeDirectory(parentDirectory(path));
    const paths = [path];
    if (!options.named) paths.push(path.replace(/\.log$/, `-${Deno.pid}$&`));
    for (const each of paths) {
      const file = openLocked(each, options);
      if (file) return new LogFile(each, options, file);
    }
    throw new IpoibError(
      "E_LOG_FILE",
      `Another process writes to the log file "${path}"`,
      { errno: Errno.EBUSY, hint: "choose another file with --log-file" },
    );
  }

  /**
   * Continues the file of another process.
   *
   * @param file its descriptor. The other process may have rotated the file since it sent the descriptor, and may do so
   * until it has ended: {@linkcode LogFile.check} then opens the new file.
   */
  static inherit(path: string, options: LogFileOptions, file: Fd): LogFile {
    return new LogFile(path, options, file);
  }

  get fd(): Fd {
    return this.#file;
  }

  /**
   * Rotates the file if it is too long, and opens the file at the path if this one was removed or renamed. A file that
   * cannot be rotated, for example on a full file system, is truncated.
   *
   * @param begun called with the new file, before the old one is closed
   */
  check(begun: (file: Fd) => void): void {
    const before = this.#file;
    const present = this.#isAtPath();
    const long = statFd(before.number).size > MAX_LENGTH;
    if (present && !long) return;
    try {
      if (present) this.#renameAll();
      const next = openLocked(this.path, this.#options);
      if (!next) throw new Error(`"${this.path}" is locked`);
      begun(next);
      this.#file = next;
      before.close();
    } catch {
      // Another process may hold the lock of the file at the path.
      if (long) truncate(before);
    }
  }

  /** True if the path leads to the open file. */
  #isAtPath(): boolean {
    try {
      const { dev, ino } = Deno.statSync(this.path);
      const { device, inode } = statFd(this.#file.number);
      return BigInt(dev) === device && BigInt(ino!) === inode;
    } catch {
      return false;
    }
  }

  #renameAll(): void {
    for (let i = KEPT; i > 1; i--) {
      renameIfPresent(this.#old(i - 1), this.#old(i));
    }
    Deno.renameSync(this.path, this.#old(1));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #old(number: number): string {
    return `${this.path}.${number}`;
  }
}

/** Returns the path to which a symbolic link leads, or `path` if it is not a link or leads to no file. */
function targetOf(path: string): string {
  try {
    return Deno.lstatSync(path).isSymlink ? Deno.realPathSync(path) : path;
  } catch {
    return path;
  }
}

function openForAppending(path: string, { named }: LogFileOptions): Fd {
  return openRegular(path, "E_LOG_FILE", {
    access: "write",
    create: true,
    append: true,
    mode: FILE_MODE,
    named,
  });
}

function openLocked(path: string, options: LogFileOptions): Fd | undefined {
  const file = openForAppending(path, options);
  try {
    if (lockFile(file, path)) return file;
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return undefined;
}

function makeDirectory(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
  } catch (error) {
    throw new IpoibError(
      "E_LOG_FILE",
      `Cannot create the log directory "${path}": ${systemReason(error)}`,
      {
        errno: Errno.EACCES,
        cause: error,
        hint: "choose another file with --log-file, or set IPOIB_LOG_DIR",
      },
    );
  }
}

function renameIfPresent(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
