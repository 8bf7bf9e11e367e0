/** The machine's clock, and how exactly waits end. */

import { addressOf, libc } from "../../ffi/libc.ts";
import type { Clock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";

const CLOCK_MONOTONIC = 1;
const PR_SET_TIMERSLACK = 29;

/**
 * Milliseconds since the machine started, by clock_gettime(2): one call of the C library, where `performance.now()` is several
 * of the runtime.
 */
export class MonotonicClock implements Clock {
  readonly #libc = libc();
  /** struct timespec: 64-bit seconds and nanoseconds, of which the lower halves suffice. */
  readonly #words = new Uint32Array(new ArrayBuffer(16));
  readonly #address = addressOf(new Uint8Array(this.#words.buffer));

  now(): Millis {
    this.#libc.clock_gettime(CLOCK_MONOTONIC, this.#address);
    return this.#words[0]! * 1000 + this.#words[2]! / 1_000_000;
  }
}

/**
 * Has waits of this thread end when they should (prctl(2)). The kernel may end those of an ordinary thread 50 us late, which is
 * longer than the waits of moderation.
 */
export function exactTimers(): void {
  // In nanoseconds; 0 would mean the default.
  libc().prctl(PR_SET_TIMERSLACK, 1n, 0n, 0n, 0n);
}
