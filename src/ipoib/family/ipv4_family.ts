/** The IPv4 address family. */

import type { Flow } from "../../netdev/net_config.ts";
import { isDhcp } from "../../wire/dhcp.ts";
import { EtherType } from "../../wire/encap.ts";
import { ipv4TooBig } from "../../wire/icmp_too_big.ts";
import { IpAddress, V4_MAPPED } from "../../wire/ip_address.ts";
import { IpProtocol, IPV4_HEADER_LENGTH, Ipv4Field } from "../../wire/ipv4.ts";
import { isLimitedBroadcast, isMulticast } from "../../wire/ipv4_address.ts";
import { ipv4Mgid } from "../../wire/mgid.ts";
import { ArpTranslator } from "../neighbour/arp_translator.ts";
import { ipv4Rules } from "../offload/ipv4_rules.ts";
import type { AddressFamily } from "./address_family.ts";

const CLASS_D = 0xe;
const ALL_HOSTS = 0xe0000001 | 0;
/** Mask of the fragment offset. Only a fragment with offset 0 has ports. */
const FRAGMENT_OFFSET = 0x1fff;
const PORTS_LENGTH = 4;

export const ipv4Family: AddressFamily = {
  etherType: EtherType.Ipv4,
  resolutionType: EtherType.Arp,
  flowWords: 4,

  isResolution: () => false,

  translator: (parts) => new ArpTranslator(parts),

  has: (address) => address.isIpv4,

  allHosts: IpAddress.ipv4(ALL_HOSTS),

  /** Words: source; both ports; type of service, protocol and the v4-mapped prefix 0xffff; destination. */
  flowKey(view, ip, length, key, byPort) {
    if (!this.isPacket(view, ip, length)) return false;
    const protocol = byPort ? view.getUint8(ip + Ipv4Field.Protocol) : 0;
    key[0] = view.getInt32(ip + Ipv4Field.Source);
    key[1] = byPort ? portsOf(view, ip, length) : 0;
    key[2] = view.getUint8(ip + Ipv4Field.Tos) << 24 | protocol << 16 |
      V4_MAPPED;
    key[3] = view.getInt32(ip + Ipv4Field.Destination);
    return true;
  },

  writeDestination(view, ip, words) {
    words[0] = 0;
    words[1] = 0;
    words[2] = V4_MAPPED;
    words[3] = view.getInt32(ip + Ipv4Field.Destination);
  },

  flow(view, ip, length): Flow {
    const ports = portsOf(view, ip, length);
    return {
      destination: IpAddress.ipv4(view.getInt32(ip + Ipv4Field.Destination)),
      source: IpAddress.ipv4(view.getInt32(ip + Ipv4Field.Source)),
      tos: view.getUint8(ip + Ipv4Field.Tos),
      protocol: view.getUint8(ip + Ipv4Field.Protocol),
      sourcePort: ports >>> 16,
      destinationPort: ports & 0xffff,
    };
  },

  flowHash(view, ip, length) {
    return Math.imul(view.getInt32(ip + Ipv4Field.Source), 0x9e3779b1) ^
      Math.imul(view.getInt32(ip + Ipv4Field.Destination), 0x85ebca77) ^
      Math.imul(portsOf(view, ip, length), 0xc2b2ae3d) ^
      view.getUint8(ip + Ipv4Field.Protocol);
  },

  isMulticast: ({ w3 }) => isMulticast(w3) || isLimitedBroadcast(w3),

  isOnLinkGroup: () => true,

  mgid: ({ w3 }, broadcastMgid) => ipv4Mgid(w3, broadcastMgid),

  isPacket: (view, ip, length) =>
    length >= IPV4_HEADER_LENGTH && view.getUint8(ip) >> 4 === 4,

  isReport: (view, ip) =>
    view.getUint8(ip + Ipv4Field.Protocol) === IpProtocol.Igmp,

  isDhcp,

  isToGroup: (view, ip) =>
    view.getUint8(ip + Ipv4Field.Destination) >> 4 === CLASS_D,

  coalescing: ipv4Rules,

  // RFC 1122 section 3.2.2 forbids answers to later fragments and to packets without a source.
  tooBig(view, ip, length, mtu) {
    const fragment = view.getUint16(ip + Ipv4Field.Fragment);
    const answered = (fragment & FRAGMENT_OFFSET) === 0 &&
      view.getInt32(ip + Ipv4Field.Source) !== 0;
    return answered ? ipv4TooBig(view, ip, length, mtu) : undefined;
  },
};

/** Returns source and destination port of a TCP or UDP packet as one word; 0 for others and for later fragments. */
function portsOf(view: DataView, ip: number, length: number): number {
  const protocol = view.getUint8(ip + Ipv4Field.Protocol);
  if (protocol !== IpProtocol.Tcp && protocol !== IpProtocol.Udp) return 0;
  if ((view.getUint16(ip + Ipv4Field.Fragment) & FRAGMENT_OFFSET) !== 0) {
    return 0;
  }
  const header = (view.getUint8(ip) & 0x0f) << 2;
  return header + PORTS_LENGTH <= length ? view.getInt32(ip + header) : 0;
}
