/**
 * The receiving end of a link: the peer's slots, mapped read-only, and the ring in which it describes them.
 *
 * Nothing in the ring is believed: a descriptor that names no slot of the peer, or one that is still read, ends the link
 * (see `inbound.ts` for what the packet itself must satisfy). GUID, LID and P_Key are those that the subnet manager vouches for.
 */

import type { Fd } from "../../system/fd.ts";
import type { Mapping } from "../../system/memory.ts";
import type { Watch } from "../../system/reactor.ts";
import type { LinkBell } from "./link_bell.ts";
import type { Pending, PendingList } from "./pending_list.ts";
import type { RingReceiver } from "./ring.ts";
import { slotAddresses } from "./slot_pool.ts";

/** What a link is made of. */
export interface InLinkParts {
  readonly guid: string;
  /** Number of the peer's memory. */
  readonly pool: number;
  readonly slots: number;
  readonly memory: Mapping;
  readonly ring: RingReceiver;
  readonly ringMapping: Mapping;
  readonly connection: Fd;
  /** Closes the connection at the end. */
  readonly bell: LinkBell;
  /** The port's links with returned slots to publish. */
  readonly returns: PendingList<InLink>;
}

/** See above. */
export class InLink implements Pending {
  readonly guid: string;
  /** The GUID as two signed words, as they lie in a GID. */
  readonly guidHigh: number;
  readonly guidLow: number;
  readonly pool: number;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly vnetAddress: readonly bigint[];
  readonly ring: RingReceiver;
  readonly bell: LinkBell;
  open = true;
  /** Set while returned slots are not published. */
  dirty = false;
  /** The peer's LID; 0 while it has none. */
  lid = 0;
  /** The P_Key that its packets must carry. */
  pkey = 0;
  /** True while the port does not look at the ring until it is woken for it. */
  parked = false;
  /** Turns since the last packet. */
  quietTurns = 0;
  watch: Watch | undefined;
  readonly #parts: InLinkParts;
  /** Queue pairs that still read each slot. */
  readonly #holders: Uint8Array;
  /** Slots that are read. */
  #held = 0;

  constructor(parts: InLinkParts) {
    this.#parts = parts;
    this.guid = parts.guid;
    const guid = BigInt(parts.guid);
    this.guidHigh = Number(BigInt.asIntN(32, guid >> 32n));
    this.guidLow = Number(BigInt.asIntN(32, guid));
    this.pool = parts.pool;
    this.slots = parts.slots;
    this.ring = parts.ring;
    this.bell = parts.bell;
    this.bytes = parts.memory.bytes;
    this.view = new DataView(parts.memory.buffer);
    this.vnetAddress = slotAddresses(parts.memory.address, parts.slots);
    this.#holders = new Uint8Array(parts.slots);
  }

  /** True if nothing of the peer is read or waits to be published. */
  get idle(): boolean {
    return this.#held === 0 && !this.dirty;
  }

  /** True if a queue pair still reads `slot`: the peer must not describe it again. */
  holds(slot: number): boolean {
    return this.#holders[slot] !== 0;
  }

  /** One more queue pair reads `slot`. */
  hold(slot: number): void {
    if (this.#holders[slot]!++ === 0) this.#held++;
  }

  /** One less; the last one gives the slot back. */
  release(slot: number): void {
    if (!this.open) return;
    if (--this.#holders[slot]! > 0) return;
    this.#held--;
    this.giveBack(slot);
  }

  giveBack(slot: number): void {
    this.ring.giveBack(slot);
    if (!this.dirty) this.#parts.returns.add(this);
  }

  /** Makes the returned slots visible and wakes the owner if it waits for them. */
  publishReturns(): void {
    this.ring.publishReturns();
    this.bell.ring(this.ring.takeWake());
  }

  /** Ends the link; the caller has dropped every packet that lies in the peer's memory. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.#parts.returns.remove(this);
    this.watch?.close();
    this.bell.close();
    this.#parts.ringMapping.unmap();
    this.#parts.memory.unmap();
  }
}
