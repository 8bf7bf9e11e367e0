/**
 * Locks of bytes of a file, shared or exclusive: they belong to the open file, so two holders in one process exclude each other
 * as two processes do, and the kernel frees them when the process ends (`F_OFD_SETLK`, fcntl(2)).
 *
 * No byte is read or written: an offset stands for whatever processes agree on. Nothing here waits.
 */

import { addressOf, errno, libc } from "../../ffi/libc.ts";
import { Errno, lastError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { openRegular } from "./regular_file.ts";

const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** `struct flock`: type i16, whence i16, padding, start i64, length i64, pid i32, padding. */
const FLOCK_LENGTH = 32;
const START = 8;
const LENGTH = 16;

export class RangeLocks implements Disposable {
  readonly #path: string;
  readonly #fd: Fd;
  readonly #flock = new Uint8Array(FLOCK_LENGTH);
  readonly #view = new DataView(this.#flock.buffer);

  /** Opens the file, made if missing; throws `E_LOCK`. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openRegular(path, "E_LOCK", { access: "both", create: true });
  }

  /** Locks a byte together with others; false if somebody has it alone. Throws `E_LOCK`. */
  share(offset: bigint): boolean {
    return this.#set(F_RDLCK, offset);
  }

  /** Locks a byte alone; false if somebody else has it. Throws `E_LOCK`. */
  claim(offset: bigint): boolean {
    return this.#set(F_WRLCK, offset);
  }

  /** Frees a byte, locked or not. Throws `E_LOCK`. */
  free(offset: bigint): void {
    this.#set(F_UNLCK, offset);
  }

  /** Frees all. */
  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #set(type: number, offset: bigint): boolean {
    this.#view.setInt16(0, type, true);
    this.#view.setBigInt64(START, offset, true);
    this.#view.setBigInt64(LENGTH, 1n, true);
    const { number } = this.#fd;
    if (libc().fcntl(number, F_OFD_SETLK, addressOf(this.#flock)) === 0) {
      return true;
    }
    const why = errno();
    if (why === Errno.EAGAIN || why === Errno.EACCES) return false;
    throw lastError("E_LOCK", `lock "${this.#path}"`, { errno: why });
  }
}
