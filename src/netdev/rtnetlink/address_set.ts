/** Sets IP addresses of an interface (RTM_NEWADDR, linux/if_addr.h), like `ip address replace`. */

import { IpAddress } from "../../wire/ip_address.ts";
import { subnetBroadcast } from "../../wire/ipv4_address.ts";
import type { NewAddress } from "../netdev.ts";
import {
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  IFA_RT_PRIORITY,
  RTM_NEWADDR,
} from "./address.ts";
import {
  MessageBuilder,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REPLACE,
} from "./message.ts";
import type { RequestSocket } from "./socket.ts";

const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;

/** Adds an address to an interface, or changes the attributes of the one that it has. Throws `E_ADDRESS_SET`. */
export function setAddress(
  socket: RequestSocket,
  ifindex: number,
  address: NewAddress,
): void {
  const { local, peer = local, prefixLength, label, metric } = address;
  const request = new MessageBuilder(
    RTM_NEWADDR,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
  )
    .u8(local.isIpv4 ? AF_INET : AF_INET6).u8(prefixLength).u8(0)
    .u8(scopeOf(local)).u32(ifindex)
    .attribute(IFA_LOCAL, local.bytes())
    .attribute(IFA_ADDRESS, peer.bytes())
    .attributeU32(IFA_FLAGS, address.flags);
  const broadcast = broadcastOf(address);
  if (broadcast !== undefined) request.attribute(IFA_BROADCAST, broadcast);
  if (label !== undefined) request.attributeString(IFA_LABEL, label);
  if (metric !== undefined) request.attributeU32(IFA_RT_PRIORITY, metric);
  socket.request(
    request,
    "E_ADDRESS_SET",
    `add address ${local}/${prefixLength} to network interface ${ifindex}`,
  );
}

function broadcastOf(
  { local, prefixLength, broadcast }: NewAddress,
): Uint8Array | undefined {
  if (broadcast !== "subnet") return broadcast?.bytes();
  const last = subnetBroadcast(local.w3, prefixLength);
  return last === undefined ? undefined : IpAddress.ipv4(last).bytes();
}

/** Returns the scope that `ip` gives an address (iproute2 default_scope): host for 127.0.0.0/8. */
function scopeOf(address: IpAddress): number {
  if (address.isIpv4) {
    return address.w3 >>> 24 === 127 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  }
  return address.w0 >>> 22 === 0xfe80 >>> 6 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}
