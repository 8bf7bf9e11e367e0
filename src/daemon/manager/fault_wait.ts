/** Wait until every port has applied new packet faults, so that a fault command returns when they are in effect. */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";

/** Time limit of the wait. A port that has not applied the faults by then is probably stopped. */
export const LIMIT_MS = 1000;

interface Waiting {
  readonly until: Millis;
  done(): void;
}

export class FaultWait {
  readonly #reactor: Reactor;
  readonly #applied: () => boolean;
  readonly #timer: Timer;
  #waiting: Waiting[] = [];

  /** @param applied returns true if every port has applied the faults */
  constructor(reactor: Reactor, applied: () => boolean) {
    this.#reactor = reactor;
    this.#applied = applied;
    this.#timer = reactor.timer((now) => this.#expire(now));
  }

  /** Calls `done` when every port has applied the faults, or after {@linkcode LIMIT_MS}. */
  add(done: () => void): void {
    this.#waiting.push({
      until: this.#reactor.clock.now() + LIMIT_MS,
      done,
    });
    this.check();
  }

  /** Ends the wait if every port has applied the faults. Called when a port reports that, or disconnects. */
  check(): void {
    if (this.#waiting.length === 0 || !this.#applied()) return this.#arm();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done();
  }

  close(): void {
    this.#timer.close();
  }

  #expire(now: Millis): void {
    const over = this.#waiting.filter(({ until }) => until <= now);
    this.#waiting = this.#waiting.filter(({ until }) => until > now);
    for (const { done } of over) done();
    this.#arm();
  }

  #arm(): void {
    this.#timer.at(this.#waiting[0]?.until ?? Infinity);
  }
}
