/**
 * Looks up the route of an IPv4 or IPv6 packet that the kernel has sent on an interface, with all legs of a multipath
 * route.
 *
 * A frame does not contain the next hop that the kernel chose. The lookup applies the kernel's rules and tables to the
 * header fields of the packet. Marks, user ids and device bindings of sockets, which rules may match, are not in the
 * frame.
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import { RTN_UNICAST } from "../../wire/kernel_next_hop.ts";
import type { Route } from "../net_config.ts";
import { nexthopLegs } from "./nexthop.ts";
import { parseRouteAnswer, type RouteAnswer } from "./route_answer.ts";
import { type RouteFlow, type RouteQuery, routeRequest } from "./route_flow.ts";
import type { RequestSocket } from "./socket.ts";

const RTN_LOCAL = 2;
const RTN_BROADCAST = 3;
const RTN_MULTICAST = 5;
/** Index of the loopback interface in every namespace. */
const LOOPBACK = 1;

const NONE: Route = { type: "none" };
const BROADCAST: Route = { type: "broadcast" };
const MULTICAST: Route = { type: "multicast" };

/**
 * Looks up the route of `flow` through interface `ifindex`. A lookup takes at least three system calls, and more for
 * IPv6, forwarded sources and nexthop objects: keep the result until routing changes. Never throws.
 *
 * The first query is for the complete route. If that has one leg, through the interface, a second query is for the next
 * hop: a redirect may have changed it, which the complete route does not show. If the complete route does not use the
 * interface, the packet may come from a socket bound to the interface. The second query then requires the interface: the
 * kernel returns the first leg through it, or treats the destination as on the link.
 *
 * The result includes legs with invalid neighbours, which the kernel avoids if net.ipv4.fib_multipath_use_neigh is set.
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
  const query = { ...flow, source: known };
  const { answer, asked } = wholeRoute(socket, query);
  const whole = routeThrough(ifindex, flow, answer);
  if (whole.type === "unicast" && answer?.legs.length === 1) {
    const exact = lookUp(socket, { ...asked, whole: false });
    const route = routeThrough(ifindex, flow, exact);
    return route.type === "unicast" ? route : whole;
  }
  if (whole !== NONE) return whole;
  const bound = { ...query, output: ifindex };
  return routeThrough(
    ifindex,
    flow,
    lookUp(socket, bound) ?? lookUp(socket, { ...bound, source: undefined }),
  );
}

/**
 * Returns the indexes of the interfaces that the kernel's route to `destination` uses, of packets of this machine that
 * are bound to no interface; empty if there is no route.
 */
export function routeInterfaces(
  socket: RequestSocket,
  destination: IpAddress,
): number[] {
  const answer = lookUp(socket, { destination, whole: true });
  return answer?.legs.map(({ ifindex }) => ifindex) ?? [];
}

function isMulticast({ isIpv4, w0, w3 }: IpAddress): boolean {
  return isIpv4 ? w3 >>> 28 === 0xe : w0 >>> 24 === 0xff;
}

/** Returns true for 0.0.0.0 and `::`. */
function isUnspecified({ isIpv4, w0, w1, w2, w3 }: IpAddress): boolean {
  return w3 === 0 && (isIpv4 || (w0 === 0 && w1 === 0 && w2 === 0));
}

/** Returns the kernel's reply to a query, or undefined if the kernel refuses. */
function lookUp(
  socket: RequestSocket,
  query: RouteQuery,
): RouteAnswer | undefined {
  let answer: RouteAnswer | undefined;
  const refused = socket.exchange(routeRequest(query), (message) => {
    answer = parseRouteAnswer(message);
  });
  if (refused || !answer) return undefined;
  const { nexthopId, legs } = answer;
  return nexthopId !== 0 && legs.length === 0
    ? { ...answer, legs: nexthopLegs(socket, nexthopId) }
    : answer;
}

/**
 * Returns the complete route of a flow, through any interface, and the query that the kernel has answered.
 *
 * Without an input interface, the kernel refuses an IPv4 source that is not local (ENETUNREACH), and treats an IPv6
 * source as local, so that rules with `iif` do not match. The input interface of a forwarded packet is unknown. The
 * lookup tries the interface of the route back to the source, then the loopback interface, which the kernel accepts if
 * forwarding is enabled on all interfaces.
 */
function wholeRoute(
  socket: RequestSocket,
  flow: RouteFlow,
): { answer: RouteAnswer | undefined; asked: RouteQuery } {
  const query = { ...flow, whole: true };
  for (const asked of queries(socket, query)) {
    const answer = lookUp(socket, asked);
    if (answer) return { answer, asked };
  }
  return { answer: undefined, asked: query };
}

/** Returns the queries of {@linkcode wholeRoute} in order. */
function* queries(
  socket: RequestSocket,
  query: RouteQuery,
): Generator<RouteQuery> {
  const { source } = query;
  if (!source) return yield query;
  if (source.isIpv4) yield query;
  for (const input of inputs(socket, source)) yield { ...query, input };
  if (!source.isIpv4) yield query;
  yield { ...query, source: undefined };
}

/** Returns likely input interfaces of packets with this source; none if the source is local. */
function inputs(socket: RequestSocket, source: IpAddress): number[] {
  const back = lookUp(socket, { destination: source });
  if (back?.type === RTN_LOCAL) return [];
  const likely = back?.type === RTN_UNICAST ? back.legs[0]?.ifindex : undefined;
  return likely === undefined ? [LOOPBACK] : [likely, LOOPBACK];
}

/** Returns the route restricted to its legs through the interface. */
function routeThrough(
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
        // For IPv6 the kernel returns the chosen leg first; the distribution of flows must not depend on this order.
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
