/**
 * Changes attributes of network interfaces, like `ip link set`.
 *
 * Each function sends one acknowledged request, and throws `E_LINK_SET` with the kernel's errno.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { ADDR_GEN_MODES, type AddrGenMode } from "../../base/addr_gen_mode.ts";
import type { LinkChanges } from "../netdev.ts";
import {
  AF_INET6,
  Iff,
  IFLA_AF_SPEC,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_LINKMODE,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NET_NS_PID,
  IFLA_TXQLEN,
  linkRequest,
  RTM_NEWLINK,
} from "./link_message.ts";
import { NLM_F_ACK } from "./message.ts";
import type { RequestSocket } from "./socket.ts";

/** Maximum length of an alias in bytes (linux/if.h IFALIASZ), without the terminating zero. */
const MAX_ALIAS = 255;

/** The flags of a link that a user can change, by property. */
const FLAGS = {
  up: Iff.Up,
  arp: Iff.NoArp,
  multicast: Iff.Multicast,
  allmulticast: Iff.AllMulti,
  promisc: Iff.Promisc,
  dynamic: Iff.Dynamic,
} as const;

/** Equivalent to `ip link set dev IF ...` with these changes. The kernel may apply a part of them before it refuses. */
export function setLink(
  socket: RequestSocket,
  ifindex: number,
  changes: LinkChanges,
): void {
  const { name, netns, alias, txQueueLength, group, linkMode, addrGenMode } =
    changes;
  let flags = 0;
  let mask = 0;
  for (const key of Object.keys(FLAGS) as (keyof typeof FLAGS)[]) {
    const on = changes[key];
    if (on === undefined) continue;
    mask |= FLAGS[key];
    // The flag IFF_NOARP has the opposite sense.
    if (on !== (key === "arp")) flags |= FLAGS[key];
  }
  const request = linkRequest(RTM_NEWLINK, ifindex, flags, mask, NLM_F_ACK);
  if (netns && "fd" in netns) request.attributeU32(IFLA_NET_NS_FD, netns.fd);
  else if (netns) request.attributeU32(IFLA_NET_NS_PID, netns.pid);
  if (name !== undefined) request.attributeString(IFLA_IFNAME, name);
  if (alias !== undefined) request.attribute(IFLA_IFALIAS, aliasBytes(alias));
  if (txQueueLength !== undefined) {
    request.attributeU32(IFLA_TXQLEN, txQueueLength);
  }
  if (group !== undefined) request.attributeU32(IFLA_GROUP, group);
  if (linkMode !== undefined) {
    const value = linkMode === "dormant" ? 1 : 0;
    request.attribute(IFLA_LINKMODE, new Uint8Array([value]));
  }
  if (addrGenMode !== undefined) {
    request.attribute(IFLA_AF_SPEC, addrGenModeBytes(addrGenMode));
  }
  const what = Object.keys(changes).join(", ");
  socket.request(
    request,
    "E_LINK_SET",
    `change ${what} of network interface ${ifindex}`,
  );
}

/** Throws `E_LINK_SET` (EINVAL) if the alias is too long. An empty alias removes the current one. */
function aliasBytes(alias: string): Uint8Array {
  const bytes = new TextEncoder().encode(alias);
  if (bytes.length <= MAX_ALIAS) return bytes;
  throw new IpoibError(
    "E_LINK_SET",
    `An alias of ${bytes.length} bytes is too long`,
    { errno: Errno.EINVAL, hint: `use at most ${MAX_ALIAS} bytes` },
  );
}

/** Returns the nested attributes AF_INET6, IFLA_INET6_ADDR_GEN_MODE. */
function addrGenModeBytes(
  mode: AddrGenMode,
): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length, true);
  view.setUint16(2, AF_INET6, true);
  view.setUint16(4, 5, true);
  view.setUint16(6, IFLA_INET6_ADDR_GEN_MODE, true);
  view.setUint8(8, ADDR_GEN_MODES.indexOf(mode));
  return bytes;
}

/** Equivalent to `ip link set dev IF mtu MTU`. */
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
