/** The rules of IPv4 headers for coalescing. */

import { internetChecksum, ipv4PseudoHeader } from "../../wire/checksum.ts";
import { IPV4_HEADER_LENGTH, Ipv4Field } from "../../wire/ipv4.ts";
import { GsoType } from "../../wire/vnet.ts";
import { ANY_FLOW, type NetworkRules } from "./coalescing_rules.ts";

/** Version 4, and a header without options. */
const VERSION_IHL = 0x45;
const DONT_FRAGMENT = 0x4000;

export const ipv4Rules: NetworkRules = {
  headerLength: IPV4_HEADER_LENGTH,
  addresses: Ipv4Field.Source,
  addressWords: 2,
  tcpType: GsoType.Tcpv4,

  protocol(view, ip, length) {
    const fragment = view.getUint16(ip + Ipv4Field.Fragment) & ~DONT_FRAGMENT;
    return fragment === 0 && view.getUint8(ip) === VERSION_IHL &&
        view.getUint16(ip + Ipv4Field.TotalLength) === length
      ? view.getUint8(ip + Ipv4Field.Protocol)
      : ANY_FLOW;
  },

  // Type of service, don't-fragment bit and TTL are equal, and the identification is the next one.
  continues(first, firstIp, view, ip, n) {
    const id = first.getUint16(firstIp + Ipv4Field.Id) + n & 0xffff;
    return view.getUint16(ip + Ipv4Field.Id) === id &&
      view.getUint8(ip + Ipv4Field.Tos) ===
        first.getUint8(firstIp + Ipv4Field.Tos) &&
      view.getUint16(ip + Ipv4Field.Fragment) ===
        first.getUint16(firstIp + Ipv4Field.Fragment) &&
      view.getUint8(ip + Ipv4Field.Ttl) ===
        first.getUint8(firstIp + Ipv4Field.Ttl);
  },

  isCanonical: (view, ip) => view.getUint16(ip + Ipv4Field.Checksum) !== 0xffff,

  isValid: (view, ip) => internetChecksum(view, ip, IPV4_HEADER_LENGTH) === 0,

  pseudoHeader: ipv4PseudoHeader,

  setLength(view, ip, length) {
    view.setUint16(ip + Ipv4Field.TotalLength, length);
    view.setUint16(ip + Ipv4Field.Checksum, 0);
    view.setUint16(
      ip + Ipv4Field.Checksum,
      internetChecksum(view, ip, IPV4_HEADER_LENGTH),
    );
  },
};
