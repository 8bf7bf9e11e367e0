/** The addresses of an interface with everything that `ip addr` shows (linux/if_addr.h). */

import type { KernelAddress } from "../netdev.ts";
import {
  AF_INET,
  AF_INET6,
  dumpAddressMessages,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  IFA_RT_PRIORITY,
  IFADDR_LENGTH,
  RTM_NEWADDR,
} from "./address.ts";
import { Attributes, type NetlinkMessage } from "./message.ts";
import type { RequestSocket } from "./socket.ts";

const IFA_CACHEINFO = 6;
/** Value of a lifetime without an end. */
const FOREVER = 0xffffffff;

/** Reads all addresses of an interface, of both families. Throws `E_NETLINK`. */
export function dumpKernelAddresses(
  socket: RequestSocket,
  ifindex: number,
): KernelAddress[] {
  return dumpAddressMessages(
    socket,
    (message) => parseKernelAddress(message, ifindex),
  );
}

/** Parses an address message of the interface. Returns undefined for any other message, and a malformed one. */
export function parseKernelAddress(
  { body, type }: NetlinkMessage,
  ifindex: number,
): KernelAddress | undefined {
  if (
    type !== RTM_NEWADDR || body.byteLength < IFADDR_LENGTH ||
    body.getUint32(4, true) !== ifindex
  ) {
    return undefined;
  }
  const family = body.getUint8(0);
  const attributes = new Attributes(body, IFADDR_LENGTH);
  const peer = attributes.address(IFA_ADDRESS);
  const local = attributes.address(IFA_LOCAL) ?? peer;
  if (!local || family !== (local.isIpv4 ? AF_INET : AF_INET6)) {
    return undefined;
  }
  const lifetimes = attributes.get(IFA_CACHEINFO);
  const seconds = (offset: number) =>
    lifetimes && lifetimes.byteLength >= offset + 4
      ? lifetimes.getUint32(offset, true)
      : FOREVER;
  return {
    local,
    peer: peer && !peer.equals(local) ? peer : undefined,
    prefixLength: body.getUint8(1),
    broadcast: attributes.address(IFA_BROADCAST),
    scope: body.getUint8(3),
    flags: attributes.u32(IFA_FLAGS) ?? body.getUint8(2),
    label: attributes.string(IFA_LABEL),
    metric: attributes.u32(IFA_RT_PRIORITY),
    // struct ifa_cacheinfo: preferred, valid.
    preferredSeconds: seconds(0),
    validSeconds: seconds(4),
  };
}
