/** Adds and deletes link-local addresses, which the kernel does not form on a device without link-layer addresses. */

import type { IpAddress } from "../../wire/ip_address.ts";
import {
  AF_INET6,
  IFA_ADDRESS,
  IFA_LOCAL,
  RTM_DELADDR,
  RTM_NEWADDR,
} from "./address.ts";
import { getLink } from "./link_message.ts";
import { MessageBuilder, NLM_F_ACK, NLM_F_CREATE } from "./message.ts";
import type { RequestSocket } from "./socket.ts";

const PREFIX_LENGTH = 64;
const RT_SCOPE_LINK = 253;
/** IN6_ADDR_GEN_MODE_EUI64. In the other modes the kernel forms an address itself, or there must be none. */
const EUI64 = 0;

/**
 * Equivalent to `ip -6 address add ADDRESS/64 dev IF` if addr_gen_mode is eui64. Does nothing in other modes, and if
 * IPv6 is disabled on the interface, the interface has the address, or the interface is gone. Throws `E_NETLINK`.
 */
export function addLinkLocal(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
): void {
  if (getLink(socket, ifindex)?.addrGenMode !== EUI64) return;
  socket.exchange(request(RTM_NEWADDR, NLM_F_CREATE, ifindex, address));
}

/** Equivalent to `ip -6 address del ADDRESS/64 dev IF`. Does nothing if the interface lacks the address. */
export function deleteLinkLocal(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
): void {
  socket.exchange(request(RTM_DELADDR, 0, ifindex, address));
}

function request(
  type: number,
  flags: number,
  ifindex: number,
  address: IpAddress,
): MessageBuilder {
  return new MessageBuilder(type, NLM_F_ACK | flags)
    .u8(AF_INET6).u8(PREFIX_LENGTH).u8(0).u8(RT_SCOPE_LINK).u32(ifindex)
    .attribute(IFA_LOCAL, address.bytes())
    .attribute(IFA_ADDRESS, address.bytes());
}
