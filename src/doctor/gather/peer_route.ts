/** Finds the interfaces through which the kernel sends to a peer. Sends nothing. */

import type { LinkRecord } from "../../ipc/schema.ts";
import { routeInterfaces } from "../../netdev/rtnetlink/route_legs.ts";
import { RequestSocket } from "../../netdev/rtnetlink/socket.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import { InterfaceNamespace } from "./namespace.ts";

/** fe80::/10 (RFC 4291 section 2.5.6): such an address is on every link, and has no route without an interface. */
const LINK_LOCAL = 0xfe80 >> 6;

/**
 * Returns the interface among `links`, which are in one namespace, through which the kernel sends to `peer`; undefined
 * if it uses none of them, or if this user may not look it up.
 */
export function linkTo(
  peer: string,
  links: readonly LinkRecord[],
): LinkRecord | undefined {
  const address = IpAddress.parse(peer);
  if (!address || links[0] === undefined) return undefined;
  try {
    using namespace = new InterfaceNamespace(links[0]);
    const used = namespace.run(() => interfacesTo(address));
    return links.find(({ ifindex }) => used.includes(ifindex));
  } catch {
    return undefined;
  }
}

/**
 * Returns true if the kernel sends to `peer` through other interfaces than `ifindex`; false also without a route. Throws
 * `E_NETLINK`.
 */
export function usesOthers(peer: IpAddress, ifindex: number): boolean {
  const used = interfacesTo(peer);
  return used.length > 0 && !used.includes(ifindex);
}

/** Returns the indexes of the interfaces in the namespace of this thread. */
function interfacesTo(peer: IpAddress): number[] {
  if (!peer.isIpv4 && peer.w0 >>> 22 === LINK_LOCAL) return [];
  using socket = new RequestSocket();
  return routeInterfaces(socket, peer);
}
