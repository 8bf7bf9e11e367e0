/**
 * The egress of what is not resolved: packets are kept while an address, a path or a join is waited for.
 *
 * It knows the key and not the entry, because it may outlive it.
 */

import type { Egress } from "./egress.ts";

/** A table that keeps packets for its entries. */
export interface WaitingTable<Key> {
  /** Keeps the packet in `slot`, which is given back, and sees to it that what is missing is asked for. */
  wait(key: Key, slot: number, length: number): void;
}

export class Wait<Key> implements Egress {
  readonly #table: WaitingTable<Key>;
  readonly #key: Key;

  constructor(table: WaitingTable<Key>, key: Key) {
    this.#table = table;
    this.#key = key;
  }

  send(slot: number, length: number): void {
    this.#table.wait(this.#key, slot, length);
  }
}
