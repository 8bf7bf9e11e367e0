/**
 * The way of a packet that the kernel gave to an interface, with all legs of a multipath route, IPv4 and IPv6.
 *
 * The kernel has chosen already, and the device is not told what. The answers here come from the same rules and
 * tables, asked with what a device sees; marks, user ids and bindings to a device are not among that.
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import type { Route } from "../netdev.ts";
import { nexthopLegs } from "./nexthop.ts";
import { parseRouteAnswer, type RouteAnswer } from "./route_answer.ts";
import {
  type RouteFlow,
  type RouteQuestion,
  routeRequest,
} from "./route_flow.ts";
import type { RequestSocket } from "./socket.ts";

const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTN_BROADCAST = 3;
const RTN_MULTICAST = 5;
/** The loopback interface, in every namespace. */
const LOOPBACK = 1;

const NONE: Route = { type: "none" };
const BROADCAST: Route = { type: "broadcast" };
const MULTICAST: Route = { type: "multicast" };

/**
 * The way of packets of `flow` that the kernel gave to interface `ifindex`: two system calls, more for a forwarded source
 * and for nexthop objects without compatibility, so keep the answer until routing changes. Never throws.
 *
 * The whole route is asked for first. Where it does not lead by the interface, the packet may be of a socket that is
 * bound to it: then the kernel takes the first leg by the interface, or takes the destination to be on the link.
 *
 * With net.ipv4.fib_multipath_use_neigh the kernel avoids legs whose neighbours are not valid; these are among the legs
 * here.
 */
export function lookupRoutes(
  socket: RequestSocket,
  ifindex: number,
  flow: RouteFlow,
): Route {
  const { destination, source } = flow;
  if (isMulticast(destination)) return MULTICAST;
  if (destination.isIpv4 && destination.w3 === -1) return BROADCAST;
  const known = source && !isUnspecified(source) ? source : undefined;
  const asked = { ...flow, source: known };
  const whole = through(ifindex, flow, wholeRoute(socket, asked));
  if (whole !== NONE) return whole;
  const bound = { ...asked, output: ifindex };
  return through(
    ifindex,
    flow,
    ask(socket, bound) ?? ask(socket, { ...bound, source: undefined }),
  );
}

function isMulticast({ isIpv4, w0, w3 }: IpAddress): boolean {
  return isIpv4 ? w3 >>> 28 === 0xe : w0 >>> 24 === 0xff;
}

/** 0.0.0.0 or `::`. */
function isUnspecified({ isIpv4, w0, w1, w2, w3 }: IpAddress): boolean {
  return w3 === 0 && (isIpv4 || (w0 === 0 && w1 === 0 && w2 === 0));
}

/** The kernel's answer; undefined if it refuses. */
function ask(
  socket: RequestSocket,
  question: RouteQuestion,
): RouteAnswer | undefined {
  let answer: RouteAnswer | undefined;
  const refused = socket.exchange(routeRequest(question), (message) => {
    answer = parseRouteAnswer(message);
  });
  if (refused || !answer) return undefined;
  const { nexthopId, legs } = answer;
  return nexthopId !== 0 && legs.length === 0
    ? { ...answer, legs: nexthopLegs(socket, nexthopId) }
    : answer;
}

/**
 * The route that the kernel finds, whichever interface it leads by.
 *
 * The kernel refuses an IPv4 source that is not its own (ENETUNREACH) unless it is told where the packet came in, and
 * takes an IPv6 one for its own, so that rules with `iif` pass it by. A device does not know where it came in; the way
 * back to the source is the best guess, then the loopback interface, on which it is taken where forwarding is on for
 * all.
 */
function wholeRoute(
  socket: RequestSocket,
  flow: RouteFlow,
): RouteAnswer | undefined {
  const question = { ...flow, whole: true };
  const { source } = flow;
  if (!source) return ask(socket, question);
  if (source.isIpv4) {
    const own = ask(socket, question);
    if (own) return own;
  }
  for (const input of inputs(socket, source)) {
    const forwarded = ask(socket, { ...question, input });
    if (forwarded) return forwarded;
  }
  return (source.isIpv4 ? undefined : ask(socket, question)) ??
    ask(socket, { ...question, source: undefined });
}

/** Where a packet of this source may have come in; empty if the source is this host. */
function inputs(socket: RequestSocket, source: IpAddress): number[] {
  const back = ask(socket, { destination: source });
  if (back?.type === RTN_LOCAL) return [];
  const likely = back?.type === RTN_UNICAST ? back.legs[0]?.ifindex : undefined;
  return likely === undefined ? [LOOPBACK] : [likely, LOOPBACK];
}

/** What an answer means for the interface. */
function through(
  ifindex: number,
  { destination }: RouteFlow,
  answer: RouteAnswer | undefined,
): Route {
  const ours = (answer?.legs ?? []).filter((leg) =>
    leg.ifindex === ifindex && !leg.dead
  );
  if (ours.length === 0) return NONE;
  switch (answer?.type) {
    case RTN_BROADCAST:
      return BROADCAST;
    case RTN_MULTICAST:
      return MULTICAST;
    case RTN_UNICAST:
      return {
        type: "unicast",
        // The kernel begins with the leg of its choice (IPv6), which must not move the flows.
        legs: ours.map(({ gateway = destination, weight }) => ({
          nextHop: gateway,
          weight,
        })).sort((a, b) => compare(a.nextHop, b.nextHop)),
      };
    default:
      return NONE;
  }
}

function compare(a: IpAddress, b: IpAddress): number {
  return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3;
}
