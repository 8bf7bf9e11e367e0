/**
 * The processes that have interfaces, as the kernel knows them: each holds a write lock (fcntl(2), F_SETLK) on one byte of
 * a common file, at a place of its own choice.
 *
 * The kernel frees a lock when its process ends, however that ends, and names the holder (F_GETLK) by its PID in the PID
 * namespace of the process that asks. So nothing is left behind, and no PID is ever that of another program. A process must
 * open the file once only: closing any descriptor of it frees the lock.
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
/** Two processes that choose the same of so many places are not met in practice; the second one chooses again. */
const PLACES = 2 ** 48;
const MAX_ATTEMPTS = 8;

export class ProcessLocks implements Disposable {
  readonly #fd: Fd;

  private constructor(fd: Fd) {
    this.#fd = fd;
  }

  /** Makes this process one of those in the file; throws `E_LOCK`. */
  static hold(path: string): ProcessLocks {
    const locks = new ProcessLocks(
      openRegular(path, "E_LOCK", { access: "both", create: true }),
    );
    for (let i = 0; i < MAX_ATTEMPTS; i++) {
      const place = BigInt(Math.floor(Math.random() * PLACES));
      if (locks.#call(F_SETLK, place, 1n)) return locks;
      const why = errno();
      if (why === Errno.EAGAIN || why === Errno.EACCES) continue;
      locks.close();
      throw lastError("E_LOCK", `lock "${path}"`, { errno: why });
    }
    locks.close();
    throw lastError("E_LOCK", `lock "${path}"`, { errno: Errno.EAGAIN });
  }

  /** For a process that only asks; undefined if there is no such file. Throws `E_LOCK`. */
  static ask(path: string): ProcessLocks | undefined {
    try {
      // Another user's process may hold it: the caller names the folder.
      return new ProcessLocks(
        openRegular(path, "E_LOCK", { access: "read", named: true }),
      );
    } catch (error) {
      if ((error as IpoibError).errno === Errno.ENOENT) return undefined;
      throw error;
    }
  }

  /** PIDs of the other processes, in no order; 0 for those outside of this PID namespace. */
  pids(): Set<number> {
    const pids = new Set<number>();
    // The kernel names one lock of a range, and not the first one.
    const ranges: [from: bigint, to: bigint][] = [[0n, BigInt(PLACES)]];
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

  /** What the kernel says of a write lock on this range; undefined if the call fails. */
  #call(command: number, place: bigint, length: bigint): Flock | undefined {
    const lock = new Flock();
    lock.set(LockType.Write, place, length);
    return lock.call(this.#fd.number, command) ? lock : undefined;
  }
}
