/**
 * The routes through an interface: RTM_NEWROUTE messages, and the dump.
 *
 * The body is a struct rtmsg (route_flow.ts). A route with one next hop has RTA_OIF, and RTA_GATEWAY unless its
 * destinations are on the link (linux/rtnetlink.h).
 */

import { Errno } from "../../base/errno.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import type { DeviceRoute } from "../netdev.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "./address.ts";
import {
  Attributes,
  MessageBuilder,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
} from "./message.ts";
import { RTA_GATEWAY, RTM_NEWROUTE, RTMSG_LENGTH } from "./route_answer.ts";
import { RTA_OIF, RTM_GETROUTE } from "./route_flow.ts";
import { refusalError, type RequestSocket } from "./socket.ts";

const RTA_DST = 1;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
/** The next hop of a route whose gateway has another family. */
const RTA_VIA = 18;
/** Attribute of the nested RTA_METRICS. */
const RTAX_MTU = 2;
const RTN_UNICAST = 1;
/** Origins of routes that an administrator added: with `ip route`, and from a configuration. */
const RTPROT_BOOT = 3;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTNH_F_ONLINK = 4;
/** Metric of an IPv6 route without one (linux/ipv6_route.h IP6_RT_PRIO_USER). */
const IPV6_DEFAULT_METRIC = 1024;

/** Adds a route through an interface, unless it has the same route already. Throws `E_ROUTE_ADD`. */
export function addRoute(
  socket: RequestSocket,
  ifindex: number,
  route: DeviceRoute,
): void {
  const refused = socket.exchange(request(ifindex, route));
  if (!refused) return;
  const { destination, prefixLength } = route;
  if (
    refused.errno === Errno.EEXIST &&
    dumpRoutes(socket, ifindex).some((own) => isSame(own, route))
  ) {
    return;
  }
  throw refusalError(
    refused,
    "E_ROUTE_ADD",
    `add route ${destination}/${prefixLength} through network interface ${ifindex}`,
  );
}

function request(ifindex: number, route: DeviceRoute): MessageBuilder {
  const { destination, prefixLength, gateway, source, metric } = route;
  const { isIpv4 } = destination;
  const scope = isIpv4 && gateway === undefined
    ? RT_SCOPE_LINK
    : RT_SCOPE_UNIVERSE;
  const message = new MessageBuilder(
    RTM_NEWROUTE,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
  )
    .u8(isIpv4 ? AF_INET : AF_INET6).u8(prefixLength).u8(0).u8(0)
    .u8(0).u8(RTPROT_STATIC).u8(scope).u8(RTN_UNICAST)
    .u32(route.onlink ? RTNH_F_ONLINK : 0)
    .attribute(RTA_DST, destination.bytes())
    .attributeU32(RTA_OIF, ifindex)
    .attributeU32(RTA_TABLE, route.table);
  if (gateway) message.attribute(RTA_GATEWAY, gateway.bytes());
  if (source) message.attribute(RTA_PREFSRC, source.bytes());
  if (metric !== undefined) message.attributeU32(RTA_PRIORITY, metric);
  if (route.mtu !== undefined) {
    message.attribute(RTA_METRICS, mtuMetric(route.mtu));
  }
  return message;
}

/** Returns the attribute RTAX_MTU. */
function mtuMetric(mtu: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length, true);
  view.setUint16(2, RTAX_MTU, true);
  view.setUint32(4, mtu, true);
  return bytes;
}

/** Reads the unicast routes through an interface that an administrator added. Throws `E_NETLINK`. */
export function dumpRoutes(
  socket: RequestSocket,
  ifindex: number,
): DeviceRoute[] {
  return socket.dump(
    () =>
      new MessageBuilder(RTM_GETROUTE, NLM_F_DUMP)
        .u8(AF_UNSPEC).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u32(0),
    (message) => parseRoute(message, ifindex),
    "list routes",
  );
}

/**
 * Parses a route message. Returns undefined if it is malformed, of another type or interface, not added by an
 * administrator, or not a unicast route with one next hop of its own family.
 */
function parseRoute(
  { body, type }: NetlinkMessage,
  ifindex: number,
): DeviceRoute | undefined {
  if (type !== RTM_NEWROUTE || body.byteLength < RTMSG_LENGTH) return undefined;
  const family = body.getUint8(0);
  const protocol = body.getUint8(5);
  const attributes = new Attributes(body, RTMSG_LENGTH);
  const isIpv4 = family === AF_INET;
  if (
    (!isIpv4 && family !== AF_INET6) || body.getUint8(7) !== RTN_UNICAST ||
    (protocol !== RTPROT_BOOT && protocol !== RTPROT_STATIC) ||
    attributes.u32(RTA_OIF) !== ifindex || attributes.get(RTA_VIA)
  ) {
    return undefined;
  }
  const metric = attributes.u32(RTA_PRIORITY);
  return {
    destination: attributes.address(RTA_DST) ??
      IpAddress.of(new Uint8Array(isIpv4 ? 4 : 16)),
    prefixLength: body.getUint8(1),
    gateway: attributes.address(RTA_GATEWAY),
    source: attributes.address(RTA_PREFSRC),
    metric: !isIpv4 && metric === IPV6_DEFAULT_METRIC ? undefined : metric,
    table: attributes.u32(RTA_TABLE) ?? body.getUint8(4),
    mtu: attributes.nested(RTA_METRICS)?.u32(RTAX_MTU),
    onlink: (body.getUint32(8, true) & RTNH_F_ONLINK) !== 0,
  };
}

function isSame(a: DeviceRoute, b: DeviceRoute): boolean {
  return keyOf(a) === keyOf(b);
}

function keyOf(route: DeviceRoute): string {
  const { destination, prefixLength, gateway, source, metric = 0 } = route;
  return [
    ...[destination, prefixLength, gateway ?? "", source ?? ""],
    ...[metric, route.table, route.mtu ?? "", route.onlink],
  ].join(" ");
}
