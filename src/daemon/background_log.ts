/**
 * Log of a background process: redirects standard error to a file of limited length.
 *
 * A file longer than {@linkcode MAX_LENGTH} is renamed to `<name>.old`, which replaces an older file of that name, and
 * a new file is created. A process that exits without an error removes both files.
 */

import {
  exists,
  inRuntimeDirectory,
  parentDirectory,
  removeEmptyDirectory,
} from "../ipc/runtime_directory.ts";
import { openLog, redirectStderr } from "../system/detach.ts";
import type { Fd } from "../system/fd.ts";
import { statFd } from "../system/memory.ts";
import { truncate } from "../system/regular_file.ts";
import { removeFile } from "../system/files.ts";

/** Length in bytes above which a file is rotated. */
export const MAX_LENGTH = 1024 * 1024;
/** Interval of the length checks. Between them the file may exceed {@linkcode MAX_LENGTH}. */
const CHECK_MS = 5000;

export class BackgroundLog {
  readonly #path: string;
  /** True if this object created the file. */
  readonly #created: boolean;
  #file: Fd;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(path: string, created: boolean, file: Fd) {
    this.#path = path;
    this.#created = created;
    this.#file = file;
  }

  /** Opens or creates the file and its directory. Throws `E_RUNTIME_DIR`, `E_LOG_FILE`. */
  static async open(path: string): Promise<BackgroundLog> {
    return await inRuntimeDirectory(parentDirectory(path), () => {
      const created = !exists(path);
      return Promise.resolve(new BackgroundLog(path, created, openLog(path)));
    });
  }

  /** Truncates the file and redirects standard error to it. */
  begin(): void {
    truncate(this.#file);
    redirectStderr(this.#file);
    this.#timer = setInterval(() => this.bound(), CHECK_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Rotates the file if it is too long. */
  bound(): void {
    const before = this.#file;
    if (statFd(before.number).size <= MAX_LENGTH) return;
    try {
      Deno.renameSync(this.#path, `${this.#path}.old`);
      const next = openLog(this.#path);
      redirectStderr(next);
      this.#file = next;
      before.close();
    } catch {
      // The file cannot be rotated, for example on a full file system; truncating it still bounds its length.
      truncate(before);
    }
  }

  /**
   * Closes the file. Removes the files if `success` is true, or if this object created the file and never wrote to it.
   */
  close(success: boolean): void {
    const begun = this.#timer !== undefined;
    clearInterval(this.#timer);
    this.#file.close();
    if (!success && (begun || !this.#created)) return;
    try {
      removeFile(this.#path);
      removeFile(`${this.#path}.old`);
      removeEmptyDirectory(parentDirectory(this.#path));
    } catch {
      // A file that cannot be removed must not make the exit fail.
    }
  }
}
