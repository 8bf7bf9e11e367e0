/**
 * Sends the packets of one send memory: to the port with a LID, or to every port that receives a multicast LID.
 *
 * The sending port enforces partitions: it opens no link to a port outside the memory's partition. When a port that has
 * mapped the memory leaves the partition, the memory is replaced.
 */

import type { Listeners } from "../../base/listeners.ts";
import { pkeysMatch } from "../../base/units.ts";
import type { IpoibError } from "../../base/errors.ts";
import type { FabricPort } from "../../subnet/messages.ts";
import type { FaultSettings } from "../../subnet/fault_messages.ts";
import type { Reactor } from "../../system/reactor.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { PostResult } from "../post_result.ts";
import type { PacketObservers } from "../packet_observers.ts";
import type { SoftAddressHandle } from "./address_handle.ts";
import { Credit } from "./credit.ts";
import type { ForwardingTables } from "./forwarding_tables.ts";
import { FaultInjector } from "./faults.ts";
import type { Inbound } from "./inbound.ts";
import type { OutLink } from "./out_link.ts";
import { OutgoingLinks } from "./outgoing_links.ts";
import type { PendingList } from "../../base/pending_list.ts";
import {
  counterIndex,
  type PortCounterName,
  type PortCounters,
} from "./port_counters.ts";
import type { RcSender } from "./rc_sender.ts";
import { RcSenders } from "./rc_senders.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import { ENCAP, PAYLOAD, SLOTS, STRIDE, VNET } from "./slot_layout.ts";
import { SlotPool } from "./slot_pool.ts";

const XMIT_PACKETS = counterIndex("xmit_packets");
const MULTICAST_XMIT_PACKETS = counterIndex("multicast_xmit_packets");
const PARTITION = 0x7fff;

/** The port's objects and callbacks that its send memories share. */
export interface OutboundParts {
  readonly reactor: Reactor;
  readonly counted: PortCounters;
  readonly inbound: Inbound;
  readonly fabric: ForwardingTables;
  readonly port: {
    readonly attributes: Pick<PortAttributes, "lid" | "pkeys">;
  };
  /** The port's doorbell eventfd, which is passed to peers; undefined without doorbells. */
  readonly eventFd: number | undefined;
  /** Links with descriptors to publish. */
  readonly written: PendingList<OutLink>;
  /** Memories whose lent slots the kernel has used in this turn. */
  readonly touched: PendingList<SlotPool>;
  /** Called when slots are free again after a memory was starved. */
  readonly credit: Listeners<[]>;
  /** The memories that may need slots. */
  readonly needy: PendingList<Credit>;
  /** Returns the path of a port's socket. */
  readonly path: (guid: string) => string;
  /** Returns the port's own GUID. */
  readonly guid: () => string;
  /** Called after a system call for a link failed. */
  readonly failed: (error: IpoibError) => void;
}

/** One send memory with its links, credit and packet faults. */
export class Outbound {
  readonly pool: SlotPool;
  readonly credit: Credit;
  /** The connections that send from the memory. */
  readonly connections: RcSenders;
  readonly #parts: OutboundParts;
  readonly #counted: PortCounters;
  readonly #links: OutgoingLinks;
  readonly #faults: FaultInjector<OutLink>;
  /** The partition of the memory (lower 15 bits of its P_Key); 0 before its first queue pair. */
  #partition = 0;

  /**
   * Throws `E_MEMFD` or `E_MMAP`.
   *
   * @param number the memory's number, unique within the port
   */
  constructor(parts: OutboundParts, number: number) {
    const { reactor, counted } = parts;
    this.#parts = parts;
    this.#counted = counted;
    const pool = new SlotPool(SLOTS, number, parts.touched);
    this.pool = pool;
    this.connections = new RcSenders(pool, counted);
    this.#links = new OutgoingLinks({
      ...parts,
      pool,
      connections: this.connections,
      closed: (link, lost) => this.#onClosed(link, lost),
      woken: () => this.credit.collect(),
    });
    const links = this.#links;
    const { credit, needy } = parts;
    this.credit = new Credit(reactor, pool, links, counted, credit, needy);
    this.#faults = new FaultInjector(reactor, pool, counted, {
      push: (link, slot, length) => this.credit.push(link, slot, length),
      drained: () => this.credit.give(),
    });
  }

  /** True if the memory belongs to the partition of this P_Key. */
  isFor(pkey: number): boolean {
    return (pkey & PARTITION) === this.#partition;
  }

  /** Assigns the memory to the partition of this P_Key. Peers of its former partition lose access to it. */
  usePartition(pkey: number): void {
    if (this.isFor(pkey)) return;
    if (this.#partition !== 0) this.#renew();
    this.#partition = pkey & PARTITION;
  }

  /** Applies changed ports or P_Key tables: replaces the memory if a linked peer has left the partition. */
  refresh(): void {
    const { fabric } = this.#parts;
    const left = this.#links.all.some((link) => {
      const peer = fabric.find(link.guid);
      return peer !== undefined && this.#pkeyFor(peer) === 0;
    });
    if (left) this.#renew();
  }

  /** Applies the packet faults of the port with this GUID. */
  setFaults(faults: FaultSettings, guid: string): void {
    this.#faults.configure(faults, guid);
  }

  /** Closes all links and unmaps the memory. Its frame readers must be stopped. */
  close(): void {
    this.#faults.close();
    // Before `forget`, because slots that the closed links free may be lent to the kernel again.
    this.#links.closeAll();
    this.credit.close();
    this.#parts.reactor.forget(this.pool);
    this.pool.close();
  }

  /** Drops a packet: counts it under `why`, releases its slot and returns `result`. */
  refuse(slot: number, why: PortCounterName, result: PostResult): PostResult {
    this.#counted.add(why);
    this.pool.unref(slot);
    return result;
  }

  /** Sends a packet to the port with the handle's LID. Releases the slot unless the result is `Sent`. */
  unicast(slot: number, length: number, ah: SoftAddressHandle): PostResult {
    let link = ah.link;
    if (!link?.open || link.pool !== this.pool) {
      const peer = this.#parts.fabric.port(ah.dlid);
      link = peer && this.#linkTo(peer);
      ah.link = link;
      if (!link) {
        return this.refuse(slot, "xmit_unreachable", PostResult.Unreachable);
      }
    }
    const result = this.#push(link, slot, length, false);
    if (result !== PostResult.Sent) return this.#refused(slot, result);
    this.#counted.values[XMIT_PACKETS]!++;
    return result;
  }

  /**
   * Sends a message of a connection to its remote port. Releases the slot unless the result is `Sent`. The connection
   * fails if the port cannot be reached.
   */
  connected(slot: number, length: number, sender: RcSender): PostResult {
    let { link } = sender;
    if (!link) {
      const peer = this.#parts.fabric.port(sender.to.path.dlid);
      link = peer && this.#linkTo(peer);
      if (!link) {
        sender.fail("retry_exceeded");
        return this.refuse(slot, "xmit_unreachable", PostResult.Unreachable);
      }
      sender.link = link;
    }
    const result = this.#faults.on
      ? this.#faults.pushConnected(link, slot, length, sender)
      : this.credit.push(link, slot, length);
    if (result !== PostResult.Sent) return this.#refused(slot, result);
    this.#counted.values[XMIT_PACKETS]!++;
    return result;
  }

  /**
   * Sends a packet to every port that receives the handle's MLID: one slot with a reference for each. The sender's own
   * port gets it only if another of its queue pairs is attached.
   */
  multicast(
    slot: number,
    length: number,
    ah: SoftAddressHandle,
    sender: ReceiveQueue,
  ): PostResult {
    const { fabric, inbound, port } = this.#parts;
    const members = fabric.members(ah.dlid);
    const own = port.attributes.lid;
    for (let i = 0; i < members.length; i++) {
      const lid = members[i]!;
      if (lid === own && !inbound.hasOtherListener(sender, ah.dlid)) continue;
      const peer = fabric.port(lid);
      const link = peer && this.#linkTo(peer);
      if (!link) continue;
      this.pool.ref(slot);
      const result = this.#push(link, slot, length, true);
      if (result !== PostResult.Sent) this.#refused(slot, result);
    }
    this.pool.unref(slot);
    this.#counted.values[XMIT_PACKETS]!++;
    this.#counted.values[MULTICAST_XMIT_PACKETS]!++;
    return PostResult.Sent;
  }

  /**
   * Passes a posted packet to the observers. Its slot may be free already, but has not been reserved since, so it still
   * holds the packet.
   */
  publishSent(
    observers: PacketObservers,
    slot: number,
    length: number,
    result: PostResult,
    qpn: number,
    udQpn: number = qpn,
  ): void {
    const { view } = this.pool;
    const base = slot * STRIDE;
    const encap = view.getInt32(base + ENCAP);
    observers.setHeaders(view, base);
    observers.setPacket(encap, view, base + VNET, base + PAYLOAD, length);
    observers.deliver("sent", result, qpn, udQpn);
  }

  #push(
    link: OutLink,
    slot: number,
    length: number,
    multicast: boolean,
  ): PostResult {
    return this.#faults.on
      ? this.#faults.push(link, slot, length, multicast)
      : this.credit.push(link, slot, length);
  }

  /** Drops a packet that a link did not take. */
  #refused(slot: number, result: PostResult): PostResult {
    const ended = result === PostResult.Unreachable;
    return this.refuse(
      slot,
      ended ? "xmit_unreachable" : "xmit_no_credit",
      result,
    );
  }

  #linkTo(peer: FabricPort): OutLink | undefined {
    const link = this.#links.find(peer.guid);
    if (link) return link;
    const pkey = this.#pkeyFor(peer);
    if (pkey !== 0) return this.#links.open(peer, pkey);
    this.#counted.add("xmit_constraint_errors");
    return undefined;
  }

  /** Returns the P_Key for packets to this peer; 0 if the two P_Keys in the memory's partition do not match. */
  #pkeyFor(peer: FabricPort): number {
    const own = this.#parts.port.attributes.pkeys
      .find((pkey) => this.isFor(pkey)) ?? 0;
    return peer.pkeys.some((pkey) => pkeysMatch(pkey, own)) ? own : 0;
  }

  #renew(): void {
    this.#links.closeAll();
    this.pool.renew();
  }

  #onClosed(link: OutLink, lost: number): void {
    this.connections.linkClosed(link);
    this.#counted.add("links_lost");
    this.#counted.add("xmit_unreachable", lost);
    this.credit.linkClosed();
  }
}
