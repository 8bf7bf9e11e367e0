/**
 * The kernel's reply to RTM_GETROUTE: the type of the route and its legs.
 *
 * A route with one leg has RTA_OIF and optionally RTA_GATEWAY (same family) or RTA_VIA (other family). A route with
 * several legs has RTA_MULTIPATH, an array of struct rtnexthop (8 bytes: length u16, flags u8, weight - 1 u8, index
 * i32), each followed by its attributes and padded to 4 bytes. A route with a nexthop object has RTA_NH_ID, and no legs
 * if net.ipv4.nexthop_compat_mode is 0.
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import { AF_INET, AF_INET6 } from "./address.ts";
import {
  align,
  Attributes,
  type NetlinkMessage,
  parseIpAddress,
} from "./message.ts";
import { RTA_OIF } from "./route_flow.ts";

export const RTM_NEWROUTE = 24;
/** Length of struct rtmsg (route_flow.ts). */
export const RTMSG_LENGTH = 12;
export const RTA_GATEWAY = 5;
const RTA_MULTIPATH = 9;
const RTA_VIA = 18;
const RTA_NH_ID = 30;
const RTNEXTHOP_LENGTH = 8;

/** Flag of a leg that the kernel does not use. */
export const RTNH_F_DEAD = 0x01;

/** A leg of a route. */
export interface AnswerLeg {
  readonly ifindex: number;
  /** The gateway, or undefined if the destination is on the link. */
  readonly gateway: IpAddress | undefined;
  /** At least 1. */
  readonly weight: number;
  readonly dead: boolean;
}

/** A parsed reply. */
export interface RouteAnswer {
  /** RTN_ value. */
  readonly type: number;
  readonly legs: readonly AnswerLeg[];
  /** The nexthop object of the route, or 0. */
  readonly nexthopId: number;
}

/** Parses a reply. Returns undefined if it is malformed or of another type or family. */
export function parseRouteAnswer(
  message: NetlinkMessage,
): RouteAnswer | undefined {
  const { body } = message;
  if (message.type !== RTM_NEWROUTE || body.byteLength < RTMSG_LENGTH) {
    return undefined;
  }
  const family = body.getUint8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = new Attributes(body, RTMSG_LENGTH);
  const multipath = attributes.get(RTA_MULTIPATH);
  const ifindex = attributes.u32(RTA_OIF);
  const legs = multipath ? parseLegs(multipath) : [];
  if (!multipath && ifindex !== undefined) {
    const leg = parseLeg(attributes, ifindex, 1, body.getUint32(8, true));
    if (leg) legs.push(leg);
  }
  return {
    type: body.getUint8(7),
    legs,
    nexthopId: attributes.u32(RTA_NH_ID) ?? 0,
  };
}

function parseLegs(value: DataView): AnswerLeg[] {
  const legs: AnswerLeg[] = [];
  let at = 0;
  while (value.byteLength - at >= RTNEXTHOP_LENGTH) {
    const length = value.getUint16(at, true);
    if (length < RTNEXTHOP_LENGTH || length > value.byteLength - at) break;
    const own = new DataView(value.buffer, value.byteOffset + at, length);
    const leg = parseLeg(
      new Attributes(own, RTNEXTHOP_LENGTH),
      own.getInt32(4, true),
      own.getUint8(3) + 1,
      own.getUint8(2),
    );
    if (leg) legs.push(leg);
    at += align(length);
  }
  return legs;
}

/** Returns a leg, or undefined if its gateway is malformed. */
function parseLeg(
  attributes: Attributes,
  ifindex: number,
  weight: number,
  flags: number,
): AnswerLeg | undefined {
  // struct rtvia: family u16, address.
  const via = attributes.get(RTA_VIA);
  const gateway = via
    ? parseIpAddress(via, 2)
    : attributes.address(RTA_GATEWAY);
  const hasGateway = via !== undefined ||
    attributes.get(RTA_GATEWAY) !== undefined;
  if (hasGateway && !gateway) return undefined;
  return { ifindex, gateway, weight, dead: (flags & RTNH_F_DEAD) !== 0 };
}
