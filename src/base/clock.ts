/** Time as an argument: state machines are given a clock, tests drive it. */

import type { Millis } from "./units.ts";

/** A monotonic clock. */
export interface Clock {
  /** Milliseconds since an arbitrary start. */
  now(): Millis;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => performance.now() };

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: Millis;

  constructor(start: Millis = 0) {
    this.#now = start;
  }

  now(): Millis {
    return this.#now;
  }

  /** Moves the clock forward by `ms`. */
  advance(ms: Millis): void {
    this.#now += ms;
  }
}
