/**
 * Asking the kernel for the way of a packet (RTM_GETROUTE), with all that a device can see of it.
 *
 * Body: struct rtmsg (12 bytes): family u8, destination length u8, source length u8, tos u8, table u8, protocol u8,
 * scope u8, type u8, flags u32 (linux/rtnetlink.h).
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import { AF_INET } from "./address.ts";
import { MessageBuilder } from "./message.ts";
import { AF_INET6 } from "./neighbour.ts";

const RTM_GETROUTE = 26;
const RTA_DST = 1;
export const RTA_OIF = 4;
const RTA_SRC = 2;
const RTA_IIF = 3;
const RTA_IP_PROTO = 27;
const RTA_SPORT = 28;
const RTA_DPORT = 29;
/** Answer with the route that was found, all its legs included, not with the way of one packet. */
const RTM_F_FIB_MATCH = 0x2000;

const IPPROTO_ICMP = 1;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_ICMPV6 = 58;

/** What routes and rules may look at in a packet; what is left out is not asked for. */
export interface RouteFlow {
  readonly destination: IpAddress;
  readonly source?: IpAddress | undefined;
  /** The TOS or traffic class byte. */
  readonly tos?: number;
  /** Of the first header behind IP; asked for with TCP, UDP and ICMP, for the kernel refuses others (EOPNOTSUPP). */
  readonly protocol?: number;
  /** Of TCP and UDP, in packets that have them. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** A flow, and what else to ask with. */
export interface RouteQuestion extends RouteFlow {
  /** RTA_IIF: the packet is forwarded and came in here. */
  readonly input?: number;
  /** RTA_OIF: only ways by this interface; the kernel then takes the first leg by it, without a choice. */
  readonly output?: number;
  /** RTM_F_FIB_MATCH: ask for the whole route. */
  readonly whole?: boolean;
}

function port(value: number): Uint8Array {
  return new Uint8Array([value >> 8, value & 0xff]);
}

/** The request of a question. */
export function routeRequest(question: RouteQuestion): MessageBuilder {
  const { destination, source, tos = 0, protocol } = question;
  const bits = destination.isIpv4 ? 32 : 128;
  const message = new MessageBuilder(RTM_GETROUTE)
    .u8(destination.isIpv4 ? AF_INET : AF_INET6).u8(bits)
    .u8(source ? bits : 0).u8(tos).u32(0)
    .u32(question.whole ? RTM_F_FIB_MATCH : 0)
    .attribute(RTA_DST, destination.bytes());
  if (source) message.attribute(RTA_SRC, source.bytes());
  if (question.input !== undefined) {
    message.attributeU32(RTA_IIF, question.input);
  }
  if (question.output !== undefined) {
    message.attributeU32(RTA_OIF, question.output);
  }
  const ports = protocol === IPPROTO_TCP || protocol === IPPROTO_UDP;
  const icmp = destination.isIpv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  if (ports || protocol === icmp) {
    message.attribute(RTA_IP_PROTO, new Uint8Array([protocol]));
  }
  if (ports && question.sourcePort !== undefined) {
    message.attribute(RTA_SPORT, port(question.sourcePort));
  }
  if (ports && question.destinationPort !== undefined) {
    message.attribute(RTA_DPORT, port(question.destinationPort));
  }
  return message;
}
