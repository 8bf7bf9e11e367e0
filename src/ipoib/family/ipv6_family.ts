/** The IPv6 address family. */

import type { Flow } from "../../netdev/net_config.ts";
import { EtherType } from "../../wire/encap.ts";
import { ipv6TooBig } from "../../wire/icmp_too_big.ts";
import { IpAddress, V4_MAPPED } from "../../wire/ip_address.ts";
import {
  icmpv6Offset,
  IPV6_HEADER_LENGTH,
  Ipv6Field,
  isIpv6Packet,
  NextHeader,
} from "../../wire/ipv6_header.ts";
import { IpProtocol } from "../../wire/ipv4.ts";
import { ipv6Mgid } from "../../wire/mgid.ts";
import { isNd } from "../../wire/neighbour_discovery.ts";
import { NdTranslator } from "../neighbour/nd_translator.ts";
import { ipv6Rules } from "../offload/ipv6_rules.ts";
import type { AddressFamily } from "./address_family.ts";

const MULTICAST = 0xff;
/** Smallest scope whose packets leave the host (RFC 4291 section 2.7). */
const LINK_LOCAL_SCOPE = 2;
const PORTS_LENGTH = 4;
/** ICMPv6 types of MLDv1 report and done and MLDv2 report (RFC 2710, RFC 3810). */
const MLD_TYPES: readonly number[] = [131, 132, 143];

/** Words of a flow key: source (4), destination (4), ports, traffic class and protocol. */
const KEY_WORDS = 10;

export const ipv6Family: AddressFamily = {
  etherType: EtherType.Ipv6,
  resolutionType: EtherType.Ipv6,
  flowWords: KEY_WORDS,

  isResolution: (view, ip, length) =>
    mayBeIcmpv6(view, ip, length) && isNd(view, ip, length),

  translator: (parts) => new NdTranslator(parts),

  has: (address) => !address.isIpv4,

  allHosts: IpAddress.parse("ff02::1")!,

  flowKey(view, ip, length, key, byPort) {
    if (!isIpv6Packet(view, ip, length)) return false;
    for (let word = 0; word < 8; word++) {
      key[word] = view.getInt32(ip + Ipv6Field.Source + 4 * word);
    }
    // IpAddress represents IPv4 addresses as v4-mapped, so such a destination would match an IPv4 neighbour.
    if (key[4] === 0 && key[5] === 0 && key[6] === V4_MAPPED) return false;
    key[8] = byPort ? portsOf(view, ip, length) : 0;
    key[9] = trafficClass(view, ip) << 8 |
      (byPort ? view.getUint8(ip + Ipv6Field.NextHeader) : 0);
    return true;
  },

  writeDestination(view, ip, words) {
    for (let word = 0; word < 4; word++) {
      words[word] = view.getInt32(ip + Ipv6Field.Destination + 4 * word);
    }
  },

  flow(view, ip, length): Flow {
    const ports = portsOf(view, ip, length);
    return {
      destination: IpAddress.ipv6(view, ip + Ipv6Field.Destination),
      source: IpAddress.ipv6(view, ip + Ipv6Field.Source),
      tos: trafficClass(view, ip),
      protocol: view.getUint8(ip + Ipv6Field.NextHeader),
      sourcePort: ports >>> 16,
      destinationPort: ports & 0xffff,
    };
  },

  flowHash(view, ip, length) {
    let hash = Math.imul(portsOf(view, ip, length), 0xc2b2ae3d) ^
      view.getUint8(ip + Ipv6Field.NextHeader);
    for (let word = 0; word < 8; word++) {
      hash = Math.imul(
        hash ^ view.getInt32(ip + Ipv6Field.Source + 4 * word),
        0x9e3779b1,
      );
    }
    return hash;
  },

  isMulticast: ({ w0 }) => w0 >>> 24 === MULTICAST,

  isOnLinkGroup: ({ w0 }) => (w0 >>> 16 & 0xf) >= LINK_LOCAL_SCOPE,

  mgid: (group, broadcastMgid) => ipv6Mgid(group.bytes(), broadcastMgid),

  isPacket: isIpv6Packet,

  isReport(view, ip, length) {
    if (!mayBeIcmpv6(view, ip, length)) return false;
    const offset = icmpv6Offset(view, ip, length);
    return offset !== 0 && MLD_TYPES.includes(view.getUint8(ip + offset));
  },

  // DHCPv6 has no hardware address fields.
  isDhcp: () => false,

  isToGroup: (view, ip) =>
    view.getUint8(ip + Ipv6Field.Destination) === MULTICAST,

  coalescing: ipv6Rules,

  // RFC 4443 section 2.4 forbids answers to packets without a unicast source.
  tooBig(view, ip, length, mtu) {
    const { w0, w1, w2, w3 } = IpAddress.ipv6(view, ip + Ipv6Field.Source);
    return (w0 | w1 | w2 | w3) === 0 || w0 >>> 24 === MULTICAST
      ? undefined
      : ipv6TooBig(view, ip, length, mtu);
  },
};

/**
 * Returns false if the first next header excludes ICMPv6, so that other packets need no parsing of extension headers.
 */
function mayBeIcmpv6(view: DataView, ip: number, length: number): boolean {
  if (length < IPV6_HEADER_LENGTH) return false;
  const next = view.getUint8(ip + Ipv6Field.NextHeader);
  return next === NextHeader.Icmpv6 || next === NextHeader.HopByHop ||
    next === NextHeader.DestinationOptions;
}

function trafficClass(view: DataView, ip: number): number {
  return view.getUint16(ip) >> 4 & 0xff;
}

/** Returns the ports as one word if a TCP or UDP header directly follows the fixed header; else 0. */
function portsOf(view: DataView, ip: number, length: number): number {
  const next = view.getUint8(ip + Ipv6Field.NextHeader);
  if (next !== IpProtocol.Tcp && next !== IpProtocol.Udp) return 0;
  return IPV6_HEADER_LENGTH + PORTS_LENGTH <= length
    ? view.getInt32(ip + IPV6_HEADER_LENGTH)
    : 0;
}
