/**
 * The set of processes that own interfaces. Each process holds a write lock (fcntl(2), F_SETLK) on one byte of a common
 * file, at a random offset.
 *
 * The kernel releases the lock when the process ends, and F_GETLK returns the holder's PID in the PID namespace of the
 * caller. The set therefore has no stale entries and no reused PIDs. A process must open the file only once, because
 * closing any descriptor of the file releases its lock.
 */

import { errno } from "../../ffi/libc.ts";
import type { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { lastError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { Flock, LockType } from "./flock.ts";
import { openRegular } from "./regular_file.ts";

const F_GETLK = 5;
const F_SETLK = 6;
/** Number of offsets. Two processes hardly ever choose the same one; the second process then retries. */
const OFFSETS = 2 ** 48;
const MAX_ATTEMPTS = 8;

export class ProcessLocks implements Disposable {
  readonly #fd: Fd;

  private constructor(fd: Fd) {
    this.#fd = fd;
  }

  /** Adds this process to the set. Creates the file if missing. Throws `E_LOCK`. */
  static hold(path: string): ProcessLocks {
    const locks = new ProcessLocks(
      openRegular(path, "E_LOCK", { access: "both", create: true }),
    );
    for (let i = 0; i < MAX_ATTEMPTS; i++) {
      const offset = BigInt(Math.floor(Math.random() * OFFSETS));
      if (locks.#call(F_SETLK, offset, 1n)) return locks;
      const why = errno();
      if (why === Errno.EAGAIN || why === Errno.EACCES) continue;
      locks.close();
      throw lastError("E_LOCK", `lock "${path}"`, { errno: why });
    }
    locks.close();
    throw lastError("E_LOCK", `lock "${path}"`, { errno: Errno.EAGAIN });
  }

  /** Opens the set for reading, or returns undefined if the file does not exist. Throws `E_LOCK`. */
  static open(path: string): ProcessLocks | undefined {
    try {
      // `named`, because the file may belong to another user.
      return new ProcessLocks(
        openRegular(path, "E_LOCK", { access: "read", named: true }),
      );
    } catch (error) {
      if ((error as IpoibError).errno === Errno.ENOENT) return undefined;
      throw error;
    }
  }

  /** Returns the PIDs of the other processes in the set, or 0 for processes outside this PID namespace. */
  pids(): Set<number> {
    const pids = new Set<number>();
    // F_GETLK returns any one lock of a range, so the ranges on both sides of it are searched too.
    const ranges: [from: bigint, to: bigint][] = [[0n, BigInt(OFFSETS)]];
    for (let range = ranges.pop(); range; range = ranges.pop()) {
      const [from, to] = range;
      if (from === to) continue;
      const found = this.#call(F_GETLK, from, to - from);
      if (!found || found.type === LockType.Unlocked) continue;
      pids.add(found.pid);
      ranges.push([from, found.start], [found.start + 1n, to]);
    }
    return pids;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls fcntl(2) for a write lock on a range. Returns the updated lock, or undefined if the call fails. */
  #call(command: number, start: bigint, length: bigint): Flock | undefined {
    const lock = new Flock();
    lock.set(LockType.Write, start, length);
    return lock.call(this.#fd.number, command) ? lock : undefined;
  }
}
