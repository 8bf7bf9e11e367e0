/** Record locks: the `struct flock` of fcntl(2). */

import { addressOf, libc } from "../../ffi/libc.ts";

export const LockType = { Read: 0, Write: 1, Unlocked: 2 } as const;

/** Bytes: type i16, whence i16 (0 = SEEK_SET), padding, start i64, length i64, pid i32, padding. */
const LENGTH = 32;

/** A lock request, or the conflicting lock that F_GETLK found. */
export class Flock {
  readonly #bytes = new Uint8Array(LENGTH);
  readonly #view = new DataView(this.#bytes.buffer);

  get type(): number {
    return this.#view.getInt16(0, true);
  }

  get start(): bigint {
    return this.#view.getBigInt64(8, true);
  }

  /** PID of the holder of the lock that F_GETLK found. */
  get pid(): number {
    return this.#view.getInt32(24, true);
  }

  set(type: number, start: bigint, length: bigint): void {
    this.#view.setInt16(0, type, true);
    this.#view.setBigInt64(8, start, true);
    this.#view.setBigInt64(16, length, true);
  }

  /** Calls fcntl(2) with a lock command. Returns false if it fails. */
  call(fd: number, command: number): boolean {
    return libc().fcntl(fd, command, addressOf(this.#bytes)) === 0;
  }
}
