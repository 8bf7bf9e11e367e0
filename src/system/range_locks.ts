/**
 * Shared and exclusive locks on bytes of a file (fcntl(2), F_OFD_SETLK).
 *
 * The locks belong to the open file description. Two {@linkcode RangeLocks} of one process therefore exclude each
 * other, and the kernel releases the locks when the process ends. The bytes are neither read nor written: the processes
 * agree on the meaning of each offset. No call blocks.
 */

import { errno } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import { lastError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { Flock, LockType } from "./flock.ts";
import { openRegular } from "./regular_file.ts";

const F_OFD_SETLK = 37;

export class RangeLocks implements Disposable {
  readonly #path: string;
  readonly #fd: Fd;
  readonly #lock = new Flock();

  /** Opens the file, and creates it if missing. Throws `E_LOCK`. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openRegular(path, "E_LOCK", { access: "both", create: true });
  }

  /** Takes a shared lock on a byte. Returns false if another holder has an exclusive lock. Throws `E_LOCK`. */
  share(offset: bigint): boolean {
    return this.#set(LockType.Read, offset);
  }

  /** Takes an exclusive lock on a byte. Returns false if another holder has any lock. Throws `E_LOCK`. */
  claim(offset: bigint): boolean {
    return this.#set(LockType.Write, offset);
  }

  /** Releases the lock on a byte, if any. Throws `E_LOCK`. */
  free(offset: bigint): void {
    this.#set(LockType.Unlocked, offset);
  }

  /** Releases all locks and closes the file. */
  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #set(type: number, offset: bigint): boolean {
    this.#lock.set(type, offset, 1n);
    if (this.#lock.call(this.#fd.number, F_OFD_SETLK)) return true;
    const why = errno();
    if (why === Errno.EAGAIN || why === Errno.EACCES) return false;
    throw lastError("E_LOCK", `lock "${this.#path}"`, { errno: why });
  }
}
