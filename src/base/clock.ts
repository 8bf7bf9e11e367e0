/** Time as an argument: state machines are given a clock, tests drive it. */

import type { Millis } from "./units.ts";

/** A monotonic clock. */
export interface Clock {
  /** Milliseconds since an arbitrary start. */
  now(): Millis;
}

/**
 * A clock that is read once a turn of a loop: what happens in one turn happens at one time, and asking for it is no call
 * into the runtime.
 */
export class TurnClock implements Clock {
  readonly #source: Clock;
  /** A cell, because a fraction in a field of its own would be allocated at each assignment. */
  readonly #now = new Float64Array(1);

  constructor(source: Clock) {
    this.#source = source;
    this.refresh();
  }

  now(): Millis {
    return this.#now[0]!;
  }

  /** Reads the source: a turn begins. */
  refresh(): void {
    this.#now[0] = this.#source.now();
  }
}

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
