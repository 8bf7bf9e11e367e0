/**
 * The receiving end of a link: the peer's slots, mapped read-only, and the ring with the peer's descriptors.
 *
 * Nothing in the ring is trusted: a descriptor that names a slot outside the peer's memory, or a slot that a queue pair
 * still reads, ends the link (port.ts). The checks of the packet itself are in inbound.ts. GUID, LID and P_Key are
 * those that the subnet manager assigned to the peer.
 */

import type { Fd } from "../../system/fd.ts";
import type { Mapping } from "../../system/memory.ts";
import type { Watch } from "../../system/reactor.ts";
import type { LinkBell } from "./link_bell.ts";
import type { Pending, PendingList } from "../../base/pending_list.ts";
import { Nak, type RingReceiver, Wake } from "./ring.ts";
import { slotAddresses } from "./slot_pool.ts";

/** The parts of a receiving end. It owns the mappings and the bell. */
export interface InLinkParts {
  readonly guid: string;
  /** Number of the send memory among the peer's. */
  readonly pool: number;
  readonly slots: number;
  readonly memory: Mapping;
  readonly ring: RingReceiver;
  readonly ringMapping: Mapping;
  readonly connection: Fd;
  /** Owns the connection. */
  readonly bell: LinkBell;
  /** The port's links with returned slots to publish. */
  readonly returns: PendingList<InLink>;
}

/** The receiving end of one link. */
export class InLink implements Pending {
  readonly guid: string;
  /** The GUID as two signed 32-bit integers, for comparison with the words of a GID. */
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
  /** True while returned slots are not published. */
  dirty = false;
  /** The peer's LID; 0 while it has none. */
  lid = 0;
  /** The P_Key that the peer's packets must carry. */
  pkey = 0;
  /** True while the port does not poll the ring and waits for a wake-up (incoming_links.ts). */
  parked = false;
  /** True while a refused slot is not published: the sender must be woken for it. */
  refusing = false;
  /** Turns without a packet that count towards parking. */
  quietTurns = 0;
  watch: Watch | undefined;
  readonly #parts: InLinkParts;
  /** For each slot, the number of queue pairs that still read it. */
  readonly #holders: Uint16Array;
  /** Number of slots with at least one reader. */
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
    this.#holders = new Uint16Array(parts.slots);
  }

  /** True if no slot is being read and all returns are published. */
  get idle(): boolean {
    return this.#held === 0 && !this.dirty;
  }

  /** True if a queue pair still reads `slot`: the peer must not send it again. */
  holds(slot: number): boolean {
    return this.#holders[slot] !== 0;
  }

  /** Adds a reader to `slot`. */
  hold(slot: number): void {
    if (this.#holders[slot]!++ === 0) this.#held++;
  }

  /** Removes a reader from `slot`; removing the last reader returns the slot. No effect after the end of the link. */
  release(slot: number): void {
    if (!this.open) return;
    if (--this.#holders[slot]! > 0) return;
    this.#held--;
    this.giveBack(slot);
  }

  /**
   * Returns a slot, which becomes visible to the peer with {@linkcode publishReturns}. A NAK refuses the message of a
   * connection, and wakes the sender when it is published.
   */
  giveBack(slot: number, nak: Nak = Nak.None): void {
    this.ring.giveBack(slot, nak);
    if (nak !== Nak.None) this.refusing = true;
    this.#parts.returns.add(this);
  }

  /** Makes the returned slots visible and wakes the peer if it waits for them. */
  publishReturns(): void {
    this.ring.publishReturns();
    this.bell.ring(this.ring.takeWake());
    if (!this.refusing) return;
    this.refusing = false;
    this.bell.ring(Wake.Connection);
  }

  /** Ends the link and unmaps its memory. The caller must have dropped all packets of the link. */
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
