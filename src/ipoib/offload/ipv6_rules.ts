/** The rules of IPv6 headers for coalescing. */

import { ipv6PseudoHeader } from "../../wire/checksum.ts";
import {
  IPV6_HEADER_LENGTH,
  Ipv6Field,
  NextHeader,
} from "../../wire/ipv6_header.ts";
import { IpProtocol } from "../../wire/ipv4.ts";
import { GsoType } from "../../wire/vnet.ts";
import { ANY_FLOW, type NetworkRules } from "./coalescing_rules.ts";

export const ipv6Rules: NetworkRules = {
  headerLength: IPV6_HEADER_LENGTH,
  addresses: Ipv6Field.Source,
  addressWords: 8,
  tcpType: GsoType.Tcpv6,

  protocol(view, ip, length) {
    const next = view.getUint8(ip + Ipv6Field.NextHeader);
    const payload = view.getUint16(ip + Ipv6Field.PayloadLength);
    const plain = next === IpProtocol.Tcp || next === IpProtocol.Udp ||
      next === NextHeader.Icmpv6;
    return plain && IPV6_HEADER_LENGTH + payload === length ? next : ANY_FLOW;
  },

  // Traffic class, flow label and hop limit are equal.
  continues: (first, firstIp, view, ip) =>
    view.getInt32(ip) === first.getInt32(firstIp) &&
    view.getUint8(ip + Ipv6Field.HopLimit) ===
      first.getUint8(firstIp + Ipv6Field.HopLimit),

  isCanonical: () => true,

  isValid: () => true,

  pseudoHeader: ipv6PseudoHeader,

  setLength: (view, ip, length) =>
    view.setUint16(ip + Ipv6Field.PayloadLength, length - IPV6_HEADER_LENGTH),
};
