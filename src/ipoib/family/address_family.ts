/**
 * What IPv4 and IPv6 do differently. Everything behind it knows no family.
 *
 * The data path passes addresses and flows as words in an array of its own, so that nothing is allocated for a packet.
 */

import type { Flow } from "../../netdev/netdev.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { Translator, TranslatorParts } from "./translator.ts";

/** Words of a flow's key. */
export const FLOW_WORDS = 4;

export interface AddressFamily {
  /** EtherType of its packets. */
  readonly etherType: number;
  /** EtherType of the packets that resolve its addresses: the same if those are packets of the family. */
  readonly resolutionType: number;
  /** True if this packet of the family resolves addresses. */
  isResolution(view: DataView, ip: number, length: number): boolean;
  /** Makes what takes the packets that resolve addresses, for one interface. */
  translator(parts: TranslatorParts): Translator;
  /** True of an address of the family. */
  has(address: IpAddress): boolean;
  /**
   * Writes what decides the way of the packet of `length` bytes at `ip` into `key`: the next hops are kept by it. Protocol and
   * ports are part of it if routing looks at them. False if the packet is malformed.
   */
  flowKey(
    view: DataView,
    ip: number,
    length: number,
    key: Int32Array,
    byPort: boolean,
  ): boolean;
  /** The flow of a packet whose key was written. */
  flow(view: DataView, ip: number, length: number): Flow;
  /** A hash of what tells flows to one destination apart: addresses, protocol, ports. */
  flowHash(view: DataView, ip: number, length: number): number;
  /** True if packets to this address go to a group. */
  isMulticast(address: IpAddress): boolean;
  /** The group of all hosts on the link (RFC 1112 section 4), of which every host is a member. */
  readonly allHosts: IpAddress;
  /** The MGID of a group on the link of this broadcast group (RFC 4391 section 4). */
  mgid(group: IpAddress, broadcastMgid: Uint8Array): Uint8Array;
  /** True if the packet of a received message is one of this family. */
  isPacket(view: DataView, ip: number, length: number): boolean;
  /** True if the packet reports memberships to multicast routers: they may have changed. */
  isReport(view: DataView, ip: number): boolean;
  /** True if a received packet was sent to a multicast address. */
  isToGroup(view: DataView, ip: number): boolean;
}

/** A family on one interface. */
export interface FamilyOnLink {
  readonly family: AddressFamily;
  readonly translator: Translator;
}
