/**
 * The deadlines of many items on one timer of the reactor.
 *
 * Deadlines are rounded up to {@linkcode GRAIN_MS}, so that the items are searched at most once in that time.
 */

import type { Millis } from "../base/units.ts";
import type { Reactor, Timer } from "../system/reactor.ts";

const GRAIN_MS: Millis = 16;

export class Deadlines<T> {
  readonly #items = new Map<T, Millis>();
  readonly #timer: Timer;
  readonly #due: (item: T, now: Millis) => void;
  #first: Millis = Infinity;

  /** @param due called with each item whose deadline has passed, after the deadline was removed */
  constructor(
    reactor: Pick<Reactor, "timer">,
    due: (item: T, now: Millis) => void,
  ) {
    this.#due = due;
    this.#timer = reactor.timer((now) => this.#tick(now));
  }

  /** Sets the deadline of an item, replacing the previous one. Infinity: none. */
  set(item: T, when: Millis): void {
    if (when === Infinity) {
      this.#items.delete(item);
      return;
    }
    const rounded = Math.ceil(when / GRAIN_MS) * GRAIN_MS;
    this.#items.set(item, rounded);
    if (rounded < this.#first) this.#wake(rounded);
  }

  close(): void {
    this.#items.clear();
    this.#timer.close();
  }

  #tick(now: Millis): void {
    const due: T[] = [];
    for (const [item, when] of this.#items) if (when <= now) due.push(item);
    for (const item of due) {
      // An earlier callback may have set a new deadline or removed it.
      if ((this.#items.get(item) ?? Infinity) > now) continue;
      this.#items.delete(item);
      this.#due(item, now);
    }
    let first = Infinity;
    for (const when of this.#items.values()) if (when < first) first = when;
    this.#wake(first);
  }

  #wake(when: Millis): void {
    this.#first = when;
    this.#timer.at(when);
  }
}
