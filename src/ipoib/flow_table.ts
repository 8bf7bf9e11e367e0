/**
 * Hash table keyed by flow, for the data path: open addressing with linear probing. Keys have a fixed number of 32-bit
 * words. A lookup allocates nothing. Single entries cannot be deleted, only all.
 *
 * The number of slots is a power of two and at least four times the number of entries: with half as many, a lookup in
 * a table of a thousand groups took 15 % longer than in one of ten, because of longer probes.
 */

import { mixBits } from "./address_table.ts";

const MIN_SLOTS = 16;

export class FlowTable<T> {
  readonly #words: number;
  #keys: Int32Array;
  #values: (T | undefined)[] = new Array(MIN_SLOTS).fill(undefined);
  #mask = MIN_SLOTS - 1;
  #size = 0;

  /** @param words number of words of a key; further words of a key array are ignored */
  constructor(words: number) {
    this.#words = words;
    this.#keys = new Int32Array(MIN_SLOTS * words);
  }

  get size(): number {
    return this.#size;
  }

  /** Returns the value of a key. */
  find(key: Int32Array): T | undefined {
    return this.#values[this.#slot(key)];
  }

  /** Adds an entry, or replaces the value of an existing one. */
  set(key: Int32Array, value: T): void {
    if (4 * (this.#size + 1) > this.#values.length) this.#grow();
    const slot = this.#slot(key);
    if (this.#values[slot] === undefined) this.#size++;
    this.#keys.set(key.subarray(0, this.#words), slot * this.#words);
    this.#values[slot] = value;
  }

  clear(): void {
    if (this.#size > 0) this.#reset(MIN_SLOTS);
  }

  /** Returns the slot of a key, or the empty slot for its insertion. */
  #slot(key: Int32Array): number {
    const words = this.#words;
    const keys = this.#keys;
    const mask = this.#mask;
    let slot = hash(key, words) & mask;
    for (; this.#values[slot] !== undefined; slot = (slot + 1) & mask) {
      const at = slot * words;
      let i = 0;
      while (i < words && keys[at + i] === key[i]) i++;
      if (i === words) break;
    }
    return slot;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#reset(2 * values.length);
    for (const [slot, value] of values.entries()) {
      if (value === undefined) continue;
      const at = slot * this.#words;
      this.set(keys.subarray(at, at + this.#words), value);
    }
  }

  #reset(slots: number): void {
    this.#keys = new Int32Array(slots * this.#words);
    this.#values = new Array(slots).fill(undefined);
    this.#mask = slots - 1;
    this.#size = 0;
  }
}

function hash(key: Int32Array, words: number): number {
  let sum = 0;
  for (let i = 0; i < words; i++) {
    sum = Math.imul(sum ^ key[i]!, 0x9e3779b1) ^ sum >>> 15;
  }
  return mixBits(sum);
}
