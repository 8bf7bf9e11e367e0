/** struct timespec for ppoll(2) and io_uring: two 64-bit words, written as 32-bit halves to avoid allocations. */

import type { Millis } from "../base/units.ts";

const NANOS_PER_MILLI = 1_000_000;
const MILLIS_PER_SECOND = 1000;
/** The longest wait, about 24 days. */
const LONGEST: Millis = 0x7fffffff;

export class Timespec {
  readonly bytes = new Uint8Array(16);
  readonly #words = new Uint32Array(this.bytes.buffer);

  /** Sets the duration to `span[0]` milliseconds, bounded to 0 ... {@linkcode LONGEST}. */
  set(span: Float64Array): void {
    const bounded = Math.min(Math.max(0, span[0]!), LONGEST);
    const seconds = Math.floor(bounded / MILLIS_PER_SECOND);
    this.#words[0] = seconds;
    this.#words[2] = (bounded - seconds * MILLIS_PER_SECOND) * NANOS_PER_MILLI;
  }
}
