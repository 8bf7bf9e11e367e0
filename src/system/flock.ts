/** Locks of ranges of a file (`struct flock`, fcntl(2)). */

import { addressOf, libc } from "../../ffi/libc.ts";

export const LockType = { Read: 0, Write: 1, Unlocked: 2 } as const;

/** type i16, whence i16 (SEEK_SET), padding, start i64, length i64, pid i32, padding. */
const LENGTH = 32;

/** A range, and what is, or was found to be, the lock on it. */
export class Flock {
  readonly #bytes = new Uint8Array(LENGTH);
  readonly #view = new DataView(this.#bytes.buffer);

  get type(): number {
    return this.#view.getInt16(0, true);
  }

  get start(): bigint {
    return this.#view.getBigInt64(8, true);
  }

  /** Of the process that has a lock that was found. */
  get pid(): number {
    return this.#view.getInt32(24, true);
  }

  set(type: number, start: bigint, length: bigint): void {
    this.#view.setInt16(0, type, true);
    this.#view.setBigInt64(8, start, true);
    this.#view.setBigInt64(16, length, true);
  }

  /** Calls fcntl(2) with one of its commands for locks; false if it fails. */
  call(fd: number, command: number): boolean {
    return libc().fcntl(fd, command, addressOf(this.#bytes)) === 0;
  }
}
