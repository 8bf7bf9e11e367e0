/**
 * Interface of an address family, implemented for IPv4 and IPv6. In the rest of the engine, only the link-local address
 * (link_local.ts, IPv6 only) depends on the family.
 *
 * The data path passes flow keys as words in a preallocated array, so that a packet allocates nothing.
 */

import type { Flow } from "../../netdev/net_config.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { NetworkRules } from "../offload/coalescing_rules.ts";
import type { Translator, TranslatorParts } from "./translator.ts";

/** 32-bit words of the longest flow key. */
export const MAX_FLOW_WORDS = 10;

export interface AddressFamily {
  /** EtherType of the family's packets. */
  readonly etherType: number;
  /** EtherType of address resolution packets; equal to `etherType` if resolution uses packets of the family. */
  readonly resolutionType: number;
  /** 32-bit words of a flow key. */
  readonly flowWords: number;
  /** Returns true if a packet of the EtherType `etherType` is an address resolution packet. */
  isResolution(view: DataView, ip: number, length: number): boolean;
  /** Creates the translator of address resolution packets for one interface. */
  translator(parts: TranslatorParts): Translator;
  /** Returns true if the address belongs to the family. */
  has(address: IpAddress): boolean;
  /**
   * Writes the flow key of the packet of `length` bytes at `ip`, the key of the next-hop cache, into `key`. The key
   * includes protocol and ports if `byPort` is true. Returns false if the packet is malformed.
   */
  flowKey(
    view: DataView,
    ip: number,
    length: number,
    key: Int32Array,
    byPort: boolean,
  ): boolean;
  /** Writes the destination of a packet into the first four words of `words`, as {@linkcode IpAddress} stores it. */
  writeDestination(view: DataView, ip: number, words: Int32Array): void;
  /** Returns the routing fields of a packet for which `flowKey` returned true. */
  flow(view: DataView, ip: number, length: number): Flow;
  /** Returns a 32-bit hash of addresses, protocol and ports, to distribute flows. */
  flowHash(view: DataView, ip: number, length: number): number;
  /** Returns true if packets to the address are sent to a multicast group. */
  isMulticast(address: IpAddress): boolean;
  /** Returns false for a group whose packets never leave the host. */
  isOnLinkGroup(group: IpAddress): boolean;
  /**
   * The group of all hosts on the link (RFC 1112 section 4, RFC 4291 section 2.7.1). Every host is a member.
   */
  readonly allHosts: IpAddress;
  /** Returns the MGID (16 bytes) of a group on the link with this broadcast group (RFC 4391 section 4). */
  mgid(group: IpAddress, broadcastMgid: Uint8Array): Uint8Array;
  /** Returns true for a DHCP packet, whose hardware address fields may need translation (dhcp_translator.ts). */
  isDhcp(view: DataView, ip: number, length: number): boolean;
  /** Returns true if the packet has the family's IP version and a complete header (IPv6: and a complete payload). */
  isPacket(view: DataView, ip: number, length: number): boolean;
  /** Returns true for an IGMP packet, or an MLD report or done message: memberships may have changed. */
  isReport(view: DataView, ip: number, length: number): boolean;
  /** Returns true if the destination of a packet is a multicast address. */
  isToGroup(view: DataView, ip: number): boolean;
  /** Which packets are coalesced when they are received. Default: none. */
  readonly coalescing?: NetworkRules;
  /**
   * Returns the ICMP packet that tells the source of the packet of `length` bytes at `ip` the MTU of its route, in bytes
   * of an IP packet. Returns undefined if the packet must not be answered.
   */
  tooBig(
    view: DataView,
    ip: number,
    length: number,
    mtu: number,
  ): Uint8Array | undefined;
}

/** A family and its translator on one interface. */
export interface FamilyOnLink {
  readonly family: AddressFamily;
  readonly translator: Translator;
}
