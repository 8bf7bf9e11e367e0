/**
 * Egress of an unresolved destination: queues packets while an address, a path or a join is pending.
 *
 * It refers to the table entry by key, because it may outlive the entry.
 */

import type { Egress } from "./egress.ts";

/** A table that queues packets for its entries. */
export interface WaitingTable<Key> {
  /** Queues the packet in `slot`, releases the slot, and starts the resolution of the entry. */
  wait(key: Key, slot: number, length: number): void;
}

export class WaitingEgress<Key> implements Egress {
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
