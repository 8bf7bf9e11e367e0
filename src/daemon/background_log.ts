/**
 * The log of a process in the background: standard error, in a file of bounded length.
 *
 * A file that is longer than {@linkcode MAX_LENGTH} is renamed to `.old`, which replaces the one before, and a new one
 * begins. A process that ends in order removes both.
 */

import {
  exists,
  folderOf,
  inRuntimeFolder,
  removeEmptyFolder,
} from "../ipc/runtime_folder.ts";
import { openLog, redirectStderr } from "../system/detach.ts";
import type { Fd } from "../system/fd.ts";
import { statFd } from "../system/memory.ts";
import { truncate } from "../system/regular_file.ts";
import { removeFile } from "../system/files.ts";

/** Bytes of a file before another one begins. */
export const MAX_LENGTH = 1024 * 1024;
const CHECK_MS = 5000;

export class BackgroundLog {
  readonly #path: string;
  /** True if the file was not there before. */
  readonly #made: boolean;
  #file: Fd;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(path: string, made: boolean, file: Fd) {
    this.#path = path;
    this.#made = made;
    this.#file = file;
  }

  /** Opens the file and makes its folder; throws `E_RUNTIME_DIR`, `E_LOG_FILE`. */
  static async open(path: string): Promise<BackgroundLog> {
    return await inRuntimeFolder(folderOf(path), () => {
      const made = !exists(path);
      return Promise.resolve(new BackgroundLog(path, made, openLog(path)));
    });
  }

  /** Standard error goes to the file from now on, which begins empty. */
  begin(): void {
    truncate(this.#file);
    redirectStderr(this.#file);
    this.#timer = setInterval(() => this.bound(), CHECK_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Begins another file if this one is too long. */
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
      // The folder may be full or gone: what is written stays bounded all the same.
      truncate(before);
    }
  }

  /** Ends it. The files of a process that ends in order are removed, and those of one that has not begun to write. */
  close(inOrder: boolean): void {
    const begun = this.#timer !== undefined;
    clearInterval(this.#timer);
    this.#file.close();
    if (!inOrder && (begun || !this.#made)) return;
    try {
      removeFile(this.#path);
      removeFile(`${this.#path}.old`);
      removeEmptyFolder(folderOf(this.#path));
    } catch {
      // What cannot be removed is no reason to fail at the end.
    }
  }
}
