/** The timers of a reactor, in an unsorted list because they are few. */

import type { Millis } from "../base/units.ts";
import type { Timer } from "./reactor.ts";

interface Entry {
  when: Millis;
  readonly due: (now: Millis) => void;
}

export class Timers {
  readonly #entries: Entry[] = [];

  add(due: (now: Millis) => void): Timer {
    const entry: Entry = { when: Infinity, due };
    this.#entries.push(entry);
    return {
      at: (when) => {
        entry.when = when;
      },
      close: () => {
        entry.when = Infinity;
        const at = this.#entries.indexOf(entry);
        if (at >= 0) this.#entries.splice(at, 1);
      },
    };
  }

  /** Number of registered timers, set or not. */
  get count(): number {
    return this.#entries.length;
  }

  /** Number of timers that are set. */
  get armed(): number {
    return this.#entries.filter(({ when }) => when < Infinity).length;
  }

  /** The earliest deadline, or Infinity. */
  get first(): Millis {
    let first = Infinity;
    for (let i = 0; i < this.#entries.length; i++) {
      const { when } = this.#entries[i]!;
      if (when < first) first = when;
    }
    return first;
  }

  /** Calls the timers that are due, and unsets each before its call. */
  run(now: Millis): void {
    for (let i = 0; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      if (entry.when <= now) {
        entry.when = Infinity;
        entry.due(now);
      }
    }
  }
}
