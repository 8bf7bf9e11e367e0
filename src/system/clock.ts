/** The monotonic clock of the system, and the timer slack of a thread. */

import { addressOf, libc } from "../../ffi/libc.ts";
import type { Clock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const PR_SET_TIMERSLACK = 29;

/**
 * Milliseconds of CLOCK_MONOTONIC. clock_gettime(2) is a single call into the C library; `performance.now()` makes
 * several calls within the runtime.
 */
export class MonotonicClock implements Clock {
  readonly #libc = libc();
  /** struct timespec: 64-bit seconds and nanoseconds. Only the low halves are read. */
  readonly #words = new Uint32Array(new ArrayBuffer(16));
  readonly #address = addressOf(new Uint8Array(this.#words.buffer));

  now(): Millis {
    this.#libc.clock_gettime(CLOCK_MONOTONIC, this.#address);
    return this.#words[0]! * 1000 + this.#words[2]! / 1_000_000;
  }
}

/** The time of day, CLOCK_REALTIME, in nanoseconds. */
export class WallClock {
  readonly #libc = libc();
  /** As in {@linkcode MonotonicClock}; seconds have 32 bits until 2106. */
  readonly #words = new Uint32Array(new ArrayBuffer(16));
  readonly #address = addressOf(new Uint8Array(this.#words.buffer));

  /** Reads the time, which {@linkcode seconds} and {@linkcode nanoseconds} then return. */
  read(): void {
    this.#libc.clock_gettime(CLOCK_REALTIME, this.#address);
  }

  /** Seconds since 1970. */
  get seconds(): number {
    return this.#words[0]!;
  }

  /** Below 10^9. */
  get nanoseconds(): number {
    return this.#words[2]!;
  }
}

/**
 * Sets the timer slack of this thread to 1 ns (prctl(2), PR_SET_TIMERSLACK). The default slack of 50 us would delay the
 * short waits of completion moderation.
 */
export function exactTimers(): void {
  // In nanoseconds; 0 selects the default.
  libc().prctl(PR_SET_TIMERSLACK, 1n, 0n, 0n, 0n);
}
