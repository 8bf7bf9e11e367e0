/**
 * Requests for the route of a packet (RTM_GETROUTE).
 *
 * The body is a struct rtmsg (12 bytes, `linux/rtnetlink.h`): family u8, destination length u8, source length u8, tos
 * u8, table u8, protocol u8, scope u8, type u8, flags u32.
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import { AF_INET, AF_INET6 } from "./address.ts";
import { MessageBuilder } from "./message.ts";

export const RTM_GETROUTE = 26;
const RTA_DST = 1;
export const RTA_OIF = 4;
const RTA_SRC = 2;
const RTA_IIF = 3;
const RTA_IP_PROTO = 27;
const RTA_SPORT = 28;
const RTA_DPORT = 29;
/** Requests the matching route with all its legs, instead of the next hop of one packet. */
const RTM_F_FIB_MATCH = 0x2000;

const IPPROTO_ICMP = 1;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_ICMPV6 = 58;

/** The header fields that routes and rules match. Undefined fields are omitted from the request. */
export interface RouteFlow {
  readonly destination: IpAddress;
  readonly source?: IpAddress | undefined;
  /** The TOS or traffic class byte. */
  readonly tos?: number;
  /** Protocol of the first header after IP. Sent for TCP, UDP and ICMP only: the kernel refuses others (EOPNOTSUPP). */
  readonly protocol?: number;
  /** Ports of TCP and UDP. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** The parameters of a request. */
export interface RouteQuery extends RouteFlow {
  /** RTA_IIF: the input interface of a forwarded packet. */
  readonly input?: number;
  /** RTA_OIF: the output interface. The kernel then returns the first leg through it. */
  readonly output?: number;
  /** True for the complete route (RTM_F_FIB_MATCH). */
  readonly whole?: boolean;
}

function port(value: number): Uint8Array {
  return new Uint8Array([value >> 8, value & 0xff]);
}

/** Returns the request of a query. */
export function routeRequest(query: RouteQuery): MessageBuilder {
  const { destination, source, tos = 0, protocol } = query;
  const bits = destination.isIpv4 ? 32 : 128;
  const message = new MessageBuilder(RTM_GETROUTE)
    .u8(destination.isIpv4 ? AF_INET : AF_INET6).u8(bits)
    .u8(source ? bits : 0).u8(tos).u32(0)
    .u32(query.whole ? RTM_F_FIB_MATCH : 0)
    .attribute(RTA_DST, destination.bytes());
  if (source) message.attribute(RTA_SRC, source.bytes());
  if (query.input !== undefined) {
    message.attributeU32(RTA_IIF, query.input);
  }
  if (query.output !== undefined) {
    message.attributeU32(RTA_OIF, query.output);
  }
  const ports = protocol === IPPROTO_TCP || protocol === IPPROTO_UDP;
  const icmp = destination.isIpv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  if (ports || protocol === icmp) {
    message.attribute(RTA_IP_PROTO, new Uint8Array([protocol]));
  }
  if (ports && query.sourcePort !== undefined) {
    message.attribute(RTA_SPORT, port(query.sourcePort));
  }
  if (ports && query.destinationPort !== undefined) {
    message.attribute(RTA_DPORT, port(query.destinationPort));
  }
  return message;
}
