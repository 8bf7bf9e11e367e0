/**
 * The timers of a reactor, in an unsorted list with the earliest deadline beside it, so that a turn in which no timer is
 * due does not visit them.
 */

import type { Millis } from "../base/units.ts";
import type { Timer } from "./reactor.ts";

interface Entry {
  when: Millis;
  readonly due: (now: Millis) => void;
}

export class Timers {
  readonly #entries: Entry[] = [];
  /** The earliest deadline or, if {@linkcode #outdated}, an earlier time. */
  #first: Millis = Infinity;
  #outdated = false;

  add(due: (now: Millis) => void): Timer {
    const entry: Entry = { when: Infinity, due };
    this.#entries.push(entry);
    return {
      at: (when) => this.#set(entry, when),
      close: () => {
        this.#set(entry, Infinity);
        const at = this.#entries.indexOf(entry);
        if (at >= 0) this.#entries.splice(at, 1);
      },
    };
  }

  /** Number of timers that are set. */
  get armed(): number {
    return this.#entries.filter(({ when }) => when < Infinity).length;
  }

  /** The earliest deadline, or Infinity. */
  get first(): Millis {
    if (this.#outdated) this.#search();
    return this.#first;
  }

  /** Calls the timers that are due, and unsets each before its call. */
  run(now: Millis): void {
    if (now < this.#first) return;
    for (let i = 0; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      if (entry.when <= now) {
        entry.when = Infinity;
        entry.due(now);
      }
    }
    this.#search();
  }

  #set(entry: Entry, when: Millis): void {
    if (entry.when === this.#first && when > entry.when) this.#outdated = true;
    entry.when = when;
    if (when >= this.#first) return;
    this.#first = when;
    this.#outdated = false;
  }

  #search(): void {
    let first = Infinity;
    for (let i = 0; i < this.#entries.length; i++) {
      const { when } = this.#entries[i]!;
      if (when < first) first = when;
    }
    this.#first = first;
    this.#outdated = false;
  }
}
