/** Clocks. State machines receive a clock as an argument, so that tests control the time. */

import type { Millis } from "./units.ts";

/** A monotonic clock. */
export interface Clock {
  /** Milliseconds since an arbitrary start. */
  now(): Millis;
}

/**
 * A clock that an event loop reads once per turn: all events of a turn have the same time, and `now()` makes no call
 * into the runtime.
 */
export class TurnClock implements Clock {
  readonly #source: Clock;
  /** A typed array, because assigning a fraction to a field would allocate a heap number. */
  readonly #now = new Float64Array(1);

  constructor(source: Clock) {
    this.#source = source;
    this.refresh();
  }

  now(): Millis {
    return this.#now[0]!;
  }

  /** Reads the source clock, at the start of a turn. */
  refresh(): void {
    this.#now[0] = this.#source.now();
  }
}

/** A clock for tests. Only {@linkcode FakeClock.advance} changes the time. */
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
