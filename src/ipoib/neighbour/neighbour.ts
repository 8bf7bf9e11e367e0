/** One neighbour: an IP address on the link and its peer, once resolved. */

import type { Millis } from "../../base/units.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { Egress, IpDestination } from "../egress.ts";
import type { PacketQueue } from "../packet_queue.ts";
import type { Peer, PeerFollower } from "../peer.ts";

/** Kind of packet that a link-layer address was learned from. */
export type AddressSource =
  /** A reply to a request. */
  | "reply"
  /** A request by the owner of the address, or another message that does not override a known address. */
  | "request"
  /** ARP with equal sender and target address, or an unsolicited neighbour advertisement with the override flag. */
  | "announcement";

export class Neighbour implements IpDestination, PeerFollower {
  readonly kind = EthernetKind.Host;
  readonly address: IpAddress;
  /** Packets that wait for address resolution. */
  readonly queue: PacketQueue;
  egress: Egress;
  peer: Peer | undefined;
  /** True if the administrator set the link-layer address; received packets do not change it. */
  isStatic = false;
  /** True if the next-hop cache may refer to the neighbour. */
  isNextHop = false;
  /** True while a request sent by the kernel or this process has not been answered. */
  requestPending = false;
  /** Unicast probes of the kernel without an answer. */
  probes = 0;
  // Initialized with numbers: V8 allocates each number in a field that was undefined first.
  /** Time of the kernel's unicast probe that has not been answered or repeated; -Infinity if there is none. */
  probedAt: Millis = -Infinity;
  /** Time of the last resolution that this process started. */
  requestedAt: Millis = -Infinity;
  /** Time at which the last packet was queued. */
  waitedAt: Millis = -Infinity;
  /** Time of creation, or of the last change of the peer. */
  updatedAt: Millis = 0;
  /**
   * Time of the last IP packet; 0 for never. That of the peer is not the same: a host may claim any number of
   * addresses.
   */
  usedAt: Millis = 0;

  constructor(
    address: IpAddress,
    queue: PacketQueue,
    egress: Egress,
    now: Millis,
  ) {
    this.address = address;
    this.queue = queue;
    this.egress = egress;
    this.updatedAt = now;
  }
}
