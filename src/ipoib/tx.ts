/**
 * Transmit: from the kernel's stack to the fabric. In the order in which a packet passes:
 *
 *  1. Reserve: a slot of the HCA's memory. Without one the TUN is left alone, its queue fills, and the kernel
 *     drops what has no room in it: TCP slows down.
 *  2. Read: the TUN's next frame, straight into the slot, with its virtio header.
 *  3. Classify: IPv4 goes on; IPv6 is counted and dropped.
 *  4. Next hop: a neighbour or a group, from the cache, else from the kernel's routing table.
 *  5. Resolve: a neighbour or group that has an address handle is sent to; for one that has none the packet is copied
 *     into its queue, and ARP, the path query or the join begins.
 *  6. Post: the IPoIB header is written and the slot goes to the queue pair. The doorbells ring once per turn of
 *     the loop, when the HCA is flushed.
 *
 * Nothing here allocates for a packet that is sent at once. Large sends (GSO) and partial checksums pass as they
 * are: the virtio header travels with the packet (segmentation "deferred").
 */

import type { Clock } from "../base/clock.ts";
import { ENCAP_LENGTH, type Millis } from "../base/units.ts";
import {
  type AddressHandle,
  PostResult,
  type SendMemory,
  type UdQp,
} from "../hca/hca.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { encapWord, EtherType } from "../wire/encap.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { IpProtocol, Ipv4Field, Ipv4Packet } from "../wire/ipv4.ts";
import { MULTICAST_QPN } from "../wire/link_address.ts";
import { GsoType, VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import { TX_BUDGET } from "./constants.ts";
import type { Group } from "./multicast/group.ts";
import type { GroupTable } from "./multicast/group_table.ts";
import type { Neighbour } from "./neighbour/neighbour.ts";
import type { NeighbourTable } from "./neighbour/neighbour_table.ts";
import type { NextHopCache } from "./neighbour/next_hop.ts";
import { NudState } from "./neighbour/nud.ts";
import type { WaitingPacket } from "./packet_queue.ts";
import { type DropReason, Stat, type Statistics } from "./statistics.ts";

const ENCAP_IPV4 = encapWord(EtherType.Ipv4);
const GSO_TYPE = 1;
const GSO_HEADERS = 2;

/** Why a post failed, as a drop reason; indexed by {@linkcode PostResult}. */
const postDrops: readonly DropReason[] = [
  "tx_not_ready",
  "tx_unreachable",
  "tx_too_long",
  "tx_no_credit",
  "tx_not_ready",
];

/** What a transmitter works with. */
export interface TransmitterParts {
  clock: Clock;
  netdev: Netdev;
  memory: SendMemory;
  neighbours: NeighbourTable;
  groups: GroupTable;
  hops: NextHopCache;
  statistics: Statistics;
}

export class Transmitter {
  /** The queue pair and the link's Q_Key; absent while the link is down. */
  qp: UdQp | undefined;
  qkey = 0;
  /** The time of this batch: a field, because a fraction passed from function to function would be allocated anew. */
  #now: Millis = 0.5;
  readonly #clock: Clock;
  readonly #netdev: Netdev;
  readonly #memory: SendMemory;
  /** Where each slot takes a frame of the device, which has no Ethernet header yet. */
  readonly #frameAddress: readonly bigint[];
  readonly #hops: NextHopCache;
  readonly #neighbours: NeighbourTable;
  readonly #groups: GroupTable;
  readonly #statistics: Statistics;
  readonly #totals: Float64Array;
  readonly #ip = new Ipv4Packet();

  constructor(parts: TransmitterParts) {
    this.#clock = parts.clock;
    this.#netdev = parts.netdev;
    this.#memory = parts.memory;
    this.#frameAddress = parts.memory.vnetAddress.map((address) =>
      address + BigInt(ETHERNET_HEADER_LENGTH)
    );
    this.#hops = parts.hops;
    this.#neighbours = parts.neighbours;
    this.#groups = parts.groups;
    this.#statistics = parts.statistics;
    this.#totals = parts.statistics.totals.values;
  }

  /** The TUN has frames: takes up to a budget of them. False if the HCA had no slot. */
  run(): boolean {
    const memory = this.#memory;
    const room = memory.layout.capacity + VNET_HEADER_LENGTH;
    this.#now = this.#clock.now();
    for (let i = 0; i < TX_BUDGET; i++) {
      // 1. Reserve
      const slot = memory.reserve();
      if (slot < 0) return false;
      // 2. Read
      const length = this.#netdev.read(this.#frameAddress[slot]!, room);
      if (length <= VNET_HEADER_LENGTH) {
        memory.unreserve(slot);
        return true;
      }
      this.#classify(slot, length - VNET_HEADER_LENGTH);
    }
    return true;
  }

  /** 1 and 2 where reads go on by themselves: a frame of `length` octets is in a posted slot. */
  frame(slot: number, length: number): void {
    const memory = this.#memory;
    memory.takePosted(slot);
    this.#now = this.#clock.now();
    if (length <= VNET_HEADER_LENGTH) memory.unreserve(slot);
    else this.#classify(slot, length - VNET_HEADER_LENGTH);
  }

  /** 3. Classify */
  #classify(slot: number, length: number): void {
    const { view, stride, layout } = this.#memory;
    const ip = slot * stride + layout.payload;
    const version = view.getUint8(ip) >> 4;
    if (version === 4 && length >= Ipv4Field.Destination + 4) {
      this.#route(slot, length, ip);
    } else this.#drop(slot, version === 6 ? "tx_ipv6" : "tx_malformed");
  }

  /** 4. Next hop */
  #route(slot: number, length: number, ip: number): void {
    const { view } = this.#memory;
    const destination = view.getInt32(ip + Ipv4Field.Destination);
    if (view.getUint8(ip + Ipv4Field.Protocol) === IpProtocol.Igmp) {
      this.#netdev.noteReport(this.#now);
    }
    const hop = this.#hops.cached(destination) ??
      this.#hops.find(
        destination,
        view.getInt32(ip + Ipv4Field.Source),
        this.#now,
      );
    if (hop.neighbour) this.#toNeighbour(slot, length, hop.neighbour);
    else if (hop.group) this.#toGroup(slot, length, hop.group);
    else this.#drop(slot, this.qp ? "tx_no_route" : "tx_link_down");
  }

  /** 5. Resolve: a neighbour */
  #toNeighbour(
    slot: number,
    length: number,
    neighbour: Neighbour,
  ): void {
    if (!neighbour.ah) {
      const packet = this.#copy(slot, length);
      if (!this.qp) this.#statistics.drop("tx_link_down");
      else if (!this.#neighbours.enqueue(neighbour, packet, this.#now)) {
        this.#statistics.drop("tx_neighbour_queue");
      }
      return;
    }
    neighbour.usedAt = this.#now;
    if (neighbour.nud.state === NudState.Stale) {
      this.#neighbours.use(neighbour, this.#now);
    }
    const { ah, qpn } = neighbour;
    const result = this.#post(slot, length, ENCAP_IPV4, ah, qpn);
    if (result === PostResult.Unreachable) {
      this.#neighbours.lost(neighbour, this.#now);
    }
  }

  /** 5. Resolve: a group */
  #toGroup(slot: number, length: number, group: Group): void {
    if (!group.ah) {
      const packet = this.#copy(slot, length);
      if (!this.qp) this.#statistics.drop("tx_link_down");
      else if (!this.#groups.enqueue(group, packet, this.#now)) {
        this.#statistics.drop("tx_group_queue");
      }
      return;
    }
    group.usedAt = this.#now;
    this.#post(slot, length, ENCAP_IPV4, group.ah, MULTICAST_QPN);
  }

  /** 6. Post */
  #post(
    slot: number,
    length: number,
    encap: number,
    ah: AddressHandle,
    qpn: number,
  ): PostResult {
    const { view, stride, layout } = this.#memory;
    const base = slot * stride;
    const vnet = base + layout.vnet;
    for (let i = 0; i < VNET_HEADER_LENGTH; i += 4) {
      view.setInt32(vnet + i, view.getInt32(vnet + ETHERNET_HEADER_LENGTH + i));
    }
    view.setInt32(base + layout.encap, encap);
    let octets = length + ENCAP_LENGTH;
    if (view.getUint8(vnet + GSO_TYPE) !== GsoType.None) {
      octets -= view.getUint16(vnet + GSO_HEADERS, true);
    }
    const result = this.qp
      ? this.qp.post(slot, length, ah, qpn, this.qkey)
      : this.#unposted(slot);
    if (result === PostResult.Sent) {
      this.#totals[Stat.TxPackets]!++;
      this.#totals[Stat.TxBytes]! += octets;
    } else {
      this.#statistics.drop(postDrops[result]!);
      if (result === PostResult.TooLong) {
        this.#statistics.totals.add("tx_errors");
      }
    }
    return result;
  }

  #unposted(slot: number): PostResult {
    this.#memory.unreserve(slot);
    return PostResult.NotReady;
  }

  #drop(slot: number, reason: DropReason): void {
    this.#memory.unreserve(slot);
    this.#statistics.drop(reason);
  }

  /** Takes a packet out of its slot, which is given back. */
  #copy(slot: number, length: number): WaitingPacket {
    const { bytes, stride, layout } = this.#memory;
    const from = slot * stride + layout.vnet + ETHERNET_HEADER_LENGTH;
    const frame = bytes.slice(from, from + VNET_HEADER_LENGTH + length);
    this.#memory.unreserve(slot);
    return { frame, encap: ENCAP_IPV4 };
  }

  /** Sends packets that waited for a neighbour. */
  sendToNeighbour(neighbour: Neighbour, packets: WaitingPacket[]): void {
    for (const packet of packets) {
      if (neighbour.ah) this.sendFrame(packet, neighbour.ah, neighbour.qpn);
      else this.#statistics.drop("tx_neighbour_failed");
    }
  }

  /** Sends packets that waited for a group. */
  sendToGroup(group: Group, packets: WaitingPacket[]): void {
    for (const packet of packets) {
      if (group.ah) this.sendFrame(packet, group.ah, MULTICAST_QPN);
      else this.#statistics.drop("tx_group_failed");
    }
  }

  /** Sends one frame of the engine's own memory: what waited, and what the engine itself has to say. */
  sendFrame(packet: WaitingPacket, ah: AddressHandle, qpn: number): void {
    const slot = this.#memory.reserve(true);
    if (slot < 0) {
      this.#statistics.drop("tx_no_slot");
      return;
    }
    const { bytes, stride, layout } = this.#memory;
    const at = slot * stride + layout.vnet + ETHERNET_HEADER_LENGTH;
    bytes.set(packet.frame, at);
    const length = packet.frame.length - VNET_HEADER_LENGTH;
    this.#post(slot, length, packet.encap, ah, qpn);
  }

  /** The IPv4 packet of a waiting frame, or undefined: for errors about it. */
  packetOf(packet: WaitingPacket): Ipv4Packet | undefined {
    const { frame } = packet;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    this.#ip.at(view, VNET_HEADER_LENGTH);
    return this.#ip.valid(frame.length - VNET_HEADER_LENGTH)
      ? this.#ip
      : undefined;
  }
}
