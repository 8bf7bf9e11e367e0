/** The machine's clock, read by clock_gettime(2): one call of the C library, where `performance.now()` is several of the runtime. */

import { addressOf, libc } from "../../ffi/libc.ts";
import type { Clock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";

const CLOCK_MONOTONIC = 1;

/** See above; milliseconds since the machine started. */
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
