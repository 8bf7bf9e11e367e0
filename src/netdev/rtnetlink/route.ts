/**
 * Asking the kernel which way an IPv4 packet leaves (RTM_GETROUTE), in the manner of `ip route get`.
 *
 * Body: struct rtmsg (12 octets): family u8, destination length u8, source length u8, tos u8, table u8,
 * protocol u8, scope u8, type u8, flags u32.
 */

import type { Ipv4Route } from "../netdev.ts";
import { AF_INET } from "./address.ts";
import { Attributes, MessageBuilder, type NetlinkMessage } from "./message.ts";
import type { RequestSocket } from "./socket.ts";

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

export const RTMSG_LENGTH = 12;
export const RTA_DST = 1;
const RTA_SRC = 2;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
const RTA_VIA = 18;

const RTN_UNICAST = 1;
const RTN_BROADCAST = 3;
const RTN_MULTICAST = 5;

const NONE: Ipv4Route = { type: "none" };
const BROADCAST: Ipv4Route = { type: "broadcast" };
const MULTICAST: Ipv4Route = { type: "multicast" };

function request(
  destination: number,
  source: number,
  ifindex: number,
): MessageBuilder {
  const message = new MessageBuilder(RTM_GETROUTE)
    .u8(AF_INET).u8(32).u8(source === 0 ? 0 : 32).u8(0)
    .u32(0).u32(0)
    .attributeIpv4(RTA_DST, destination)
    .attributeU32(RTA_OIF, ifindex);
  return source === 0 ? message : message.attributeIpv4(RTA_SRC, source);
}

/**
 * What an answer means for packets of interface `ifindex` to `destination`.
 * A next hop of another family (RTA_VIA with an IPv6 address) counts as none.
 */
export function parseRoute(
  message: NetlinkMessage,
  ifindex: number,
  destination: number,
): Ipv4Route {
  const { body } = message;
  if (
    message.type !== RTM_NEWROUTE || body.byteLength < RTMSG_LENGTH ||
    body.getUint8(0) !== AF_INET
  ) {
    return NONE;
  }
  const attributes = new Attributes(body, RTMSG_LENGTH);
  if (attributes.u32(RTA_OIF) !== ifindex) return NONE;
  switch (body.getUint8(7)) {
    case RTN_BROADCAST:
      return BROADCAST;
    case RTN_MULTICAST:
      return MULTICAST;
    case RTN_UNICAST: {
      const via = attributes.get(RTA_VIA);
      if (via) {
        // struct rtvia: family u16, address.
        return via.byteLength === 6 && via.getUint16(0, true) === AF_INET
          ? { type: "unicast", nextHop: via.getInt32(2, false) }
          : NONE;
      }
      const nextHop = attributes.ipv4(RTA_GATEWAY) ?? destination;
      return { type: "unicast", nextHop };
    }
    default:
      return NONE;
  }
}

/**
 * The way of a packet that the kernel gave to interface `ifindex`. `source` chooses among rules; the kernel
 * refuses one that is not its own, as of a forwarded packet (EINVAL, ENETUNREACH on recent kernels), and is then
 * asked without. Only ways by `ifindex` are looked at, so where no route leads there the kernel takes the
 * destination to be on the link, as it does for a socket that is bound to a device.
 */
export function lookupRoute(
  socket: RequestSocket,
  ifindex: number,
  destination: number,
  source: number,
): Ipv4Route {
  let route = NONE;
  const visit = (message: NetlinkMessage) => {
    route = parseRoute(message, ifindex, destination);
  };
  const refused = socket.exchange(
    request(destination, source, ifindex),
    visit,
  );
  if (refused && source !== 0) {
    socket.exchange(request(destination, 0, ifindex), visit);
  }
  return route;
}
