/** Delays between the attempts of an operation that fails, and whose cause may end. */

import type { Millis } from "./units.ts";

const FIRST_BACKOFF_MS: Millis = 2000;
/** Maximum delay (Linux IPOIB_MAX_BACKOFF_SECONDS). */
export const MAX_BACKOFF_MS: Millis = 16_000;

/** Delays of 2, 4, 8, 16, 16 s... */
export class Backoff {
  /** The delay before the last attempt; 0 for the first one. */
  last: Millis = 0;

  /** Returns the delay before the next attempt. The one after it is twice as long, up to MAX_BACKOFF_MS. */
  next(): Millis {
    this.last = this.last === 0
      ? FIRST_BACKOFF_MS
      : Math.min(2 * this.last, MAX_BACKOFF_MS);
    return this.last;
  }

  /** The operation has succeeded, or is not needed any more. */
  reset(): void {
    this.last = 0;
  }
}
