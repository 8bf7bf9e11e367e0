/** The packets of a queue pair that wait for a free work request, oldest first. */

import type { VerbsAddressHandle } from "./address_handle.ts";

/** The part of an address handle that a work request needs. */
export type SendHandle = Pick<VerbsAddressHandle, "low" | "high" | "alive">;

/** See the comment at the top of this file. */
export class WaitingSends {
  /** The fields of the packet that was taken last. A packet of a connection has no handle. */
  slot = -1;
  length = 0;
  handle: SendHandle | undefined;
  qpn = 0;
  qkey = 0;
  readonly #capacity: number;
  readonly #slots: Int32Array;
  readonly #lengths: Int32Array;
  readonly #handles: (SendHandle | undefined)[] = [];
  readonly #qpns: Int32Array;
  readonly #qkeys: Int32Array;
  #from = 0;
  #count = 0;

  /** @param capacity maximum number of packets: that of the slots */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#slots = new Int32Array(capacity);
    this.#lengths = new Int32Array(capacity);
    this.#qpns = new Int32Array(capacity);
    this.#qkeys = new Int32Array(capacity);
  }

  /** Adds a packet. */
  add(
    slot: number,
    length: number,
    handle: SendHandle | undefined,
    qpn: number,
    qkey: number,
  ): void {
    const at = (this.#from + this.#count++) % this.#capacity;
    this.#slots[at] = slot;
    this.#lengths[at] = length;
    this.#handles[at] = handle;
    this.#qpns[at] = qpn;
    this.#qkeys[at] = qkey;
  }

  /** Takes the oldest packet. Returns false if there is none. */
  take(): boolean {
    if (this.#count === 0) return false;
    const at = this.#from;
    this.#from = (at + 1) % this.#capacity;
    this.#count--;
    this.slot = this.#slots[at]!;
    this.length = this.#lengths[at]!;
    this.handle = this.#handles[at];
    this.qpn = this.#qpns[at]!;
    this.qkey = this.#qkeys[at]!;
    this.#handles[at] = undefined;
    return true;
  }
}
