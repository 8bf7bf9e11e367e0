/**
 * The timers of a reactor. Those that are set form a binary heap, so that a change costs the logarithm of their number,
 * and a turn in which no timer is due costs one comparison. Timers that are not set cost nothing. Setting a timer
 * allocates nothing.
 */

import type { Millis } from "../base/units.ts";
import type { Timer } from "./reactor.ts";

/** Values of {@linkcode Entry.at} for a timer that is not in the heap. */
const UNSET = -1;
/** The timer is due, and is called in the current run. */
const DUE = -2;
const CLOSED = -3;

interface Entry {
  readonly due: (now: Millis) => void;
  /** Order of creation. */
  readonly number: number;
  /** Position in the heap, or one of the constants. */
  at: number;
}

export class Timers {
  /** The heap: the timers that are set, each not later than those at positions `2 * i + 1` and `2 * i + 2`. */
  readonly #heap: (Entry | undefined)[] = [];
  /** Deadline of the timer at each position. A typed array, because storing a fraction in an object may allocate. */
  #deadlines = new Float64Array(16);
  #armed = 0;
  /** The timers that are called in the current run. */
  readonly #due: (Entry | undefined)[] = [];
  #created = 0;
  #open = 0;

  add(due: (now: Millis) => void): Timer {
    const entry: Entry = { due, number: this.#created++, at: UNSET };
    this.#open++;
    this.#makeSpace();
    return {
      at: (when) => this.#set(entry, when),
      close: () => this.#close(entry),
    };
  }

  /** Number of timers that are set. */
  get armed(): number {
    return this.#armed;
  }

  /** The earliest deadline, or Infinity. */
  get first(): Millis {
    return this.#armed > 0 ? this.#deadlines[0]! : Infinity;
  }

  /**
   * Calls the timers that are due, by deadline, then by order of creation, and unsets each before its call. A timer that
   * is set or closed by an earlier call is not called. One that is set to a time that is due is called in the next run,
   * so that each run ends.
   */
  run(now: Millis): void {
    if (this.first <= now) this.#runDue(now);
  }

  #runDue(now: Millis): void {
    let count = 0;
    for (; this.first <= now; count++) {
      const entry = this.#heap[0]!;
      this.#remove(0);
      entry.at = DUE;
      this.#due[count] = entry;
    }
    for (let i = 0; i < count; i++) {
      const entry = this.#due[i]!;
      this.#due[i] = undefined;
      if (entry.at !== DUE) continue;
      entry.at = UNSET;
      entry.due(now);
    }
  }

  /** Makes the arrays as long as the number of open timers, so that `#set` and `run` need not extend them. */
  #makeSpace(): void {
    while (this.#heap.length < this.#open) {
      this.#heap.push(undefined);
      this.#due.push(undefined);
    }
    if (this.#deadlines.length >= this.#open) return;
    const more = new Float64Array(2 * this.#open);
    more.set(this.#deadlines);
    this.#deadlines = more;
  }

  /** Short enough to be inlined: otherwise V8 allocates the fraction that is passed as `when`. */
  #set(entry: Entry, when: Millis): void {
    // NaN is not less either.
    const at = when < Infinity ? this.#positionOf(entry) : this.#unset(entry);
    if (at < 0) return;
    this.#deadlines[at] = when;
    this.#sift(at);
  }

  /** Returns the position of a timer, which is the last one if it was not set; -1 if it is closed. */
  #positionOf(entry: Entry): number {
    if (entry.at === CLOSED) return -1;
    if (entry.at < 0) this.#place(entry, this.#armed++);
    return entry.at;
  }

  #close(entry: Entry): void {
    if (entry.at === CLOSED) return;
    this.#unset(entry);
    entry.at = CLOSED;
    this.#open--;
  }

  /** Returns -1: the timer has no position. */
  #unset(entry: Entry): number {
    if (entry.at >= 0) this.#remove(entry.at);
    if (entry.at !== CLOSED) entry.at = UNSET;
    return -1;
  }

  /** Removes the timer at a position; the last one takes its place. */
  #remove(at: number): void {
    const last = --this.#armed;
    const moved = this.#heap[last]!;
    this.#heap[last] = undefined;
    if (at === last) return;
    this.#deadlines[at] = this.#deadlines[last]!;
    this.#place(moved, at);
    this.#sift(at);
  }

  /** Moves the timer at a position up or down to where it belongs. */
  #sift(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#armed) return;
      if (child + 1 < this.#armed && this.#isBefore(child + 1, child)) child++;
      if (!this.#isBefore(child, at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const whenA = this.#deadlines[a]!;
    const whenB = this.#deadlines[b]!;
    return whenA < whenB ||
      whenA === whenB && this.#heap[a]!.number < this.#heap[b]!.number;
  }

  #swap(a: number, b: number): void {
    const deadline = this.#deadlines[a]!;
    const entry = this.#heap[a]!;
    this.#deadlines[a] = this.#deadlines[b]!;
    this.#place(this.#heap[b]!, a);
    this.#deadlines[b] = deadline;
    this.#place(entry, b);
  }

  #place(entry: Entry, at: number): void {
    this.#heap[at] = entry;
    entry.at = at;
  }
}
