/**
 * Locks of bytes of a file, shared or exclusive: they belong to the open file, so two holders in one process exclude each other
 * as two processes do, and the kernel frees them when the process ends (`F_OFD_SETLK`, fcntl(2)).
 *
 * No byte is read or written: an offset stands for whatever processes agree on. Nothing here waits.
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

  /** Opens the file, made if missing; throws `E_LOCK`. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openRegular(path, "E_LOCK", { access: "both", create: true });
  }

  /** Locks a byte together with others; false if somebody has it alone. Throws `E_LOCK`. */
  share(offset: bigint): boolean {
    return this.#set(LockType.Read, offset);
  }

  /** Locks a byte alone; false if somebody else has it. Throws `E_LOCK`. */
  claim(offset: bigint): boolean {
    return this.#set(LockType.Write, offset);
  }

  /** Frees a byte, locked or not. Throws `E_LOCK`. */
  free(offset: bigint): void {
    this.#set(LockType.Unlocked, offset);
  }

  /** Frees all. */
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
