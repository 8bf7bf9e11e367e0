/**
 * The receiving end of a link: the peer's slots, mapped read-only, and the ring in which it describes them.
 *
 * Nothing in the ring is believed: a descriptor that names no slot of the peer, or one that is still read, ends the link
 * (see `inbound.ts` for what the packet itself must satisfy).
 */

import type { Fd } from "../../system/fd.ts";
import type { Mapping } from "../../system/memory.ts";
import type { Reactor, Watch } from "../../system/reactor.ts";
import type { RingReceiver } from "./ring.ts";
import { slotAddresses } from "./slot_pool.ts";

/** What a link is made of. */
export interface InLinkParts {
  guid: string;
  slots: number;
  memory: Mapping;
  ring: RingReceiver;
  ringMapping: Mapping;
  /** The peer's eventfd. */
  doorbell: Fd;
  connection: Fd;
}

/** See above. */
export class InLink {
  readonly guid: string;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly vnetAddress: readonly bigint[];
  readonly ring: RingReceiver;
  open = true;
  /** Set while returned slots are not published. */
  dirty = false;
  /** The peer's LID by the fabric map; 0 while it is unknown. */
  lid = 0;
  watch: Watch | undefined;
  readonly #parts: InLinkParts;
  /** Queue pairs that still read each slot. */
  readonly #holders: Uint8Array;

  constructor(parts: InLinkParts) {
    this.#parts = parts;
    this.guid = parts.guid;
    this.slots = parts.slots;
    this.ring = parts.ring;
    this.bytes = parts.memory.bytes;
    this.view = new DataView(parts.memory.buffer);
    this.vnetAddress = slotAddresses(parts.memory.address, parts.slots);
    this.#holders = new Uint8Array(parts.slots);
  }

  get connection(): Fd {
    return this.#parts.connection;
  }

  /** True if a queue pair still reads `slot`: the peer must not describe it again. */
  holds(slot: number): boolean {
    return this.#holders[slot] !== 0;
  }

  /** One more queue pair reads `slot`. */
  hold(slot: number): void {
    this.#holders[slot]!++;
  }

  /** One less; the last one gives the slot back. */
  release(slot: number): void {
    if (!this.open) return;
    if (--this.#holders[slot]! === 0) this.giveBack(slot);
  }

  giveBack(slot: number): void {
    this.ring.giveBack(slot);
    this.dirty = true;
  }

  /** Makes the returned slots visible and wakes the owner if it waits for them. */
  publishReturns(reactor: Reactor): void {
    this.dirty = false;
    this.ring.publishReturns();
    if (this.ring.takesWake()) reactor.signal(this.#parts.doorbell.number);
  }

  /** Ends the link; the caller has dropped every packet that lies in the peer's memory. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.watch?.close();
    this.#parts.doorbell.close();
    this.#parts.connection.close();
    this.#parts.ringMapping.unmap();
    this.#parts.memory.unmap();
  }
}
