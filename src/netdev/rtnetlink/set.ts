/**
 * Changing the kernel's configuration: links, IPv4 addresses, IPv4 routes.
 *
 * Each function is one acknowledged request and throws an IpoibError that carries the kernel's errno.
 */

import { formatIpv4 } from "../../wire/ipv4_address.ts";
import {
  AF_INET,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_LOCAL,
  RTM_DELADDR,
  RTM_NEWADDR,
} from "./address.ts";
import {
  IFF_UP,
  IFLA_MTU,
  IFLA_TXQLEN,
  linkRequest,
  RTM_NEWLINK,
} from "./link.ts";
import {
  MessageBuilder,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from "./message.ts";
import {
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTM_DELROUTE,
  RTM_NEWROUTE,
} from "./route.ts";
import type { RequestSocket } from "./socket.ts";

const IFA_F_NODAD = 0x02;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;

/** Equivalent to: `ip link set dev IF up|down`. */
export function setLinkUp(
  socket: RequestSocket,
  ifindex: number,
  up: boolean,
): void {
  socket.request(
    linkRequest(RTM_NEWLINK, ifindex, up ? IFF_UP : 0, IFF_UP, NLM_F_ACK),
    "E_LINK_SET",
    `set network interface ${ifindex} ${up ? "up" : "down"}`,
  );
}

/** Equivalent to: `ip link set dev IF mtu MTU`. */
export function setLinkMtu(
  socket: RequestSocket,
  ifindex: number,
  mtu: number,
): void {
  socket.request(
    linkRequest(RTM_NEWLINK, ifindex, 0, 0, NLM_F_ACK)
      .attributeU32(IFLA_MTU, mtu),
    "E_LINK_SET",
    `set the MTU of network interface ${ifindex} to ${mtu}`,
  );
}

/** Equivalent to: `ip link set dev IF txqueuelen LENGTH`. */
export function setTxQueueLength(
  socket: RequestSocket,
  ifindex: number,
  length: number,
): void {
  socket.request(
    linkRequest(RTM_NEWLINK, ifindex, 0, 0, NLM_F_ACK)
      .attributeU32(IFLA_TXQLEN, length),
    "E_LINK_SET",
    `set the queue length of network interface ${ifindex} to ${length}`,
  );
}

/** An address to add: the prefix and, if wanted, a broadcast address or a point-to-point peer. */
export interface NewAddress {
  readonly address: number;
  readonly prefixLength: number;
  readonly broadcast?: number;
  readonly peer?: number;
}

function addressRequest(
  type: number,
  flags: number,
  ifindex: number,
  { address, prefixLength, broadcast, peer }: NewAddress,
): MessageBuilder {
  const message = new MessageBuilder(type, NLM_F_ACK | flags)
    .u8(AF_INET).u8(prefixLength).u8(IFA_F_NODAD).u8(0).u32(ifindex)
    .attributeIpv4(IFA_LOCAL, address)
    .attributeIpv4(IFA_ADDRESS, peer ?? address);
  return broadcast === undefined
    ? message
    : message.attributeIpv4(IFA_BROADCAST, broadcast);
}

/** Equivalent to: `ip address add ADDRESS/PREFIX dev IF [broadcast ADDRESS]`. */
export function addAddress(
  socket: RequestSocket,
  ifindex: number,
  address: NewAddress,
): void {
  socket.request(
    addressRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, address),
    "E_ADDRESS_SET",
    `add address ${
      formatIpv4(address.address)
    }/${address.prefixLength} to network interface ${ifindex}`,
  );
}

/** Equivalent to: `ip address del ADDRESS/PREFIX dev IF`. */
export function deleteAddress(
  socket: RequestSocket,
  ifindex: number,
  address: NewAddress,
): void {
  socket.request(
    addressRequest(RTM_DELADDR, 0, ifindex, address),
    "E_ADDRESS_SET",
    `delete address ${
      formatIpv4(address.address)
    }/${address.prefixLength} of network interface ${ifindex}`,
  );
}

/** A route of the main table. */
export interface NewRoute {
  readonly destination: number;
  readonly prefixLength: number;
  readonly gateway?: number;
  readonly ifindex?: number;
}

function routeRequest(
  type: number,
  flags: number,
  scope: number,
  { destination, prefixLength, gateway, ifindex }: NewRoute,
): MessageBuilder {
  const deleting = type === RTM_DELROUTE;
  const message = new MessageBuilder(type, NLM_F_ACK | flags)
    .u8(AF_INET).u8(prefixLength).u8(0).u8(0)
    .u8(RT_TABLE_MAIN).u8(deleting ? 0 : RTPROT_BOOT).u8(scope)
    .u8(deleting ? 0 : RTN_UNICAST).u32(0);
  if (prefixLength > 0) message.attributeIpv4(RTA_DST, destination);
  if (gateway !== undefined) message.attributeIpv4(RTA_GATEWAY, gateway);
  if (ifindex !== undefined) message.attributeU32(RTA_OIF, ifindex);
  return message;
}

function routeText({ destination, prefixLength, gateway }: NewRoute): string {
  const via = gateway === undefined ? "" : ` via ${formatIpv4(gateway)}`;
  return `route ${formatIpv4(destination)}/${prefixLength}${via}`;
}

/** Equivalent to: `ip route replace DESTINATION/PREFIX [via GATEWAY] [dev IF]`. */
export function addRoute(socket: RequestSocket, route: NewRoute): void {
  socket.request(
    routeRequest(
      RTM_NEWROUTE,
      NLM_F_CREATE | NLM_F_REPLACE,
      route.gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
      route,
    ),
    "E_ROUTE_SET",
    `add ${routeText(route)}`,
  );
}

/** Equivalent to: `ip route del DESTINATION/PREFIX [via GATEWAY] [dev IF]`. */
export function deleteRoute(socket: RequestSocket, route: NewRoute): void {
  socket.request(
    routeRequest(RTM_DELROUTE, 0, RT_SCOPE_NOWHERE, route),
    "E_ROUTE_SET",
    `delete ${routeText(route)}`,
  );
}
