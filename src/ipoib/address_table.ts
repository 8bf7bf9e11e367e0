/**
 * Hash table keyed by IP address, for the data path: open addressing with linear probing. The key of a lookup is four
 * 32-bit words; a lookup allocates nothing.
 *
 * The number of slots is a power of two and at least twice the number of entries. Deletion shifts the following entries
 * back, so that there are no tombstones.
 */

import type { IpAddress } from "../wire/ip_address.ts";

/** The four 32-bit words of an IP address. */
export type AddressWords = Pick<IpAddress, "w0" | "w1" | "w2" | "w3">;

const WORDS = 4;
const MIN_SLOTS = 16;

export class AddressTable<T> {
  #keys = new Int32Array(MIN_SLOTS * WORDS);
  #values: (T | undefined)[] = new Array(MIN_SLOTS).fill(undefined);
  #mask = MIN_SLOTS - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns the value of the key with these words. */
  find(w0: number, w1: number, w2: number, w3: number): T | undefined {
    const keys = this.#keys;
    const values = this.#values;
    const mask = this.#mask;
    for (let slot = hash(w0, w1, w2, w3) & mask;; slot = (slot + 1) & mask) {
      const value = values[slot];
      if (value === undefined) return undefined;
      const at = slot * WORDS;
      if (
        keys[at + 3] === w3 && keys[at + 2] === w2 && keys[at + 1] === w1 &&
        keys[at] === w0
      ) return value;
    }
  }

  get({ w0, w1, w2, w3 }: AddressWords): T | undefined {
    return this.find(w0, w1, w2, w3);
  }

  /** Adds an entry, or replaces the value of an existing one. */
  set(address: AddressWords, value: T): void {
    if (2 * (this.#size + 1) > this.#values.length) this.#grow();
    this.#put(address.w0, address.w1, address.w2, address.w3, value);
  }

  /** Removes an entry; returns false if there is none. */
  delete({ w0, w1, w2, w3 }: AddressWords): boolean {
    const mask = this.#mask;
    let hole = this.#slot(w0, w1, w2, w3);
    if (this.#values[hole] === undefined) return false;
    this.#size--;
    for (
      let slot = (hole + 1) & mask;
      this.#values[slot] !== undefined;
      slot = (slot + 1) & mask
    ) {
      const home = this.#home(slot);
      // An entry may move to the hole unless its home slot lies after the hole.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#move(slot, hole);
      hole = slot;
    }
    this.#values[hole] = undefined;
    return true;
  }

  clear(): void {
    if (this.#size > 0) this.#reset(MIN_SLOTS);
  }

  /** Returns the values in no particular order. */
  values(): T[] {
    return this.#values.filter((value): value is T => value !== undefined);
  }

  #put(w0: number, w1: number, w2: number, w3: number, value: T): void {
    const slot = this.#slot(w0, w1, w2, w3);
    if (this.#values[slot] === undefined) this.#size++;
    const at = slot * WORDS;
    this.#keys[at] = w0;
    this.#keys[at + 1] = w1;
    this.#keys[at + 2] = w2;
    this.#keys[at + 3] = w3;
    this.#values[slot] = value;
  }

  /** Returns the slot of a key, or the empty slot for its insertion. */
  #slot(w0: number, w1: number, w2: number, w3: number): number {
    const keys = this.#keys;
    const mask = this.#mask;
    let slot = hash(w0, w1, w2, w3) & mask;
    while (this.#values[slot] !== undefined) {
      const at = slot * WORDS;
      if (
        keys[at + 3] === w3 && keys[at + 2] === w2 && keys[at + 1] === w1 &&
        keys[at] === w0
      ) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #home(slot: number): number {
    const keys = this.#keys;
    const at = slot * WORDS;
    return hash(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!) &
      this.#mask;
  }

  #move(from: number, to: number): void {
    this.#keys.copyWithin(to * WORDS, from * WORDS, (from + 1) * WORDS);
    this.#values[to] = this.#values[from];
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#reset(2 * values.length);
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot];
      if (value === undefined) continue;
      const at = slot * WORDS;
      this.#put(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!, value);
    }
  }

  #reset(slots: number): void {
    this.#keys = new Int32Array(slots * WORDS);
    this.#values = new Array(slots).fill(undefined);
    this.#mask = slots - 1;
    this.#size = 0;
  }
}

/** Hashes four words. The low bits of the result depend on all of them. */
function hash(w0: number, w1: number, w2: number, w3: number): number {
  const sum = Math.imul(w0, 0x9e3779b1) ^ Math.imul(w1, 0x85ebca77) ^
    Math.imul(w2, 0xc2b2ae3d) ^ w3;
  return mixBits(sum);
}

/** Makes each bit depend on all bits of `word` (the finalizer of MurmurHash3). */
export function mixBits(word: number): number {
  const once = Math.imul(word ^ word >>> 16, 0x85ebca6b);
  const twice = Math.imul(once ^ once >>> 13, 0xc2b2ae35);
  return twice ^ twice >>> 16;
}
