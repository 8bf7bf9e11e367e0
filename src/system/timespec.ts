/** struct timespec for `ppoll` and io_uring: two 64-bit words, filled as 32-bit halves so that nothing is allocated. */

import type { Millis } from "../base/units.ts";

const NANOS_PER_MILLI = 1_000_000;
const MILLIS_PER_SECOND = 1000;
/** The longest wait: about 24 days. */
const LONGEST: Millis = 0x7fffffff;

export class Timespec {
  readonly bytes = new Uint8Array(16);
  readonly #words = new Uint32Array(this.bytes.buffer);

  /** Sets a span of time, the first of the cells; what is negative counts as none. */
  set(span: Float64Array): void {
    const bounded = Math.min(Math.max(0, span[0]!), LONGEST);
    const seconds = Math.floor(bounded / MILLIS_PER_SECOND);
    this.#words[0] = seconds;
    this.#words[2] = (bounded - seconds * MILLIS_PER_SECOND) * NANOS_PER_MILLI;
  }
}
