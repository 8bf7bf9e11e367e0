/** Waiting until every port follows new packet faults, so that a command's end means that it has its effect. */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";

/** A port that has not said so by then is stopped, or of another version. */
export const LIMIT_MS = 1000;

interface Waiting {
  readonly until: Millis;
  done(): void;
}

export class FaultWait {
  readonly #reactor: Reactor;
  readonly #complete: () => boolean;
  readonly #timer: Timer;
  #waiting: Waiting[] = [];

  /** @param complete says whether every port follows */
  constructor(reactor: Reactor, complete: () => boolean) {
    this.#reactor = reactor;
    this.#complete = complete;
    this.#timer = reactor.timer((now) => this.#expire(now));
  }

  /** Calls `done` when every port follows, or when the time is up. */
  add(done: () => void): void {
    this.#waiting.push({
      until: this.#reactor.clock.now() + LIMIT_MS,
      done,
    });
    this.check();
  }

  /** A port has spoken or gone. */
  check(): void {
    if (this.#waiting.length === 0 || !this.#complete()) return this.#arm();
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
