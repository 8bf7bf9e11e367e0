/** Multicast memberships of sockets (RFC 3678 section 5), and sockets with many, as an unprivileged user can have. */

import { libc } from "../../../ffi/libc.ts";
import { unwrap } from "../../../src/system/errno.ts";
import { openNamespace, withNamespace } from "../../../src/system/namespace.ts";
import { type Fd, openSocket } from "../../../src/system/fd.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import type { Host } from "./host.ts";
import {
  familyOf,
  SOCK_DGRAM_CLOEXEC,
  socketAddress,
} from "../../system/socket_address.ts";

const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const MCAST_JOIN_GROUP = 42;
const MCAST_JOIN_SOURCE_GROUP = 46;
const MCAST_LEAVE_SOURCE_GROUP = 47;
/** Size in bytes of struct sockaddr_storage, and its offset behind the index of the interface. */
const STORAGE = 128;
const GROUP_AT = 8;
/** Default of `net.ipv4.igmp_max_memberships`. */
const GROUPS_PER_SOCKET = 20;
/** First groups: 239.9.0.0 and ff05::9:0. */
const FIRST = { ipv4: 0xef090000, ipv6: 0x00090000 };
const SITE_LOCAL = 0xff050000 | 0;

/** Joins a group on an interface, or one source of it. */
export function join(
  socket: Fd,
  ifindex: number,
  group: string,
  source?: string,
): void {
  const option = source === undefined
    ? MCAST_JOIN_GROUP
    : MCAST_JOIN_SOURCE_GROUP;
  change(socket, option, ifindex, group, source);
}

/** Leaves a source of a group. With its last source the socket leaves the group. */
export function leaveSource(
  socket: Fd,
  ifindex: number,
  group: string,
  source: string,
): void {
  change(socket, MCAST_LEAVE_SOURCE_GROUP, ifindex, group, source);
}

/** Passes a struct group_req, or with `source` a struct group_source_req. */
function change(
  socket: Fd,
  option: number,
  ifindex: number,
  group: string,
  source?: string,
): void {
  const addresses = source === undefined ? [group] : [group, source];
  const request = new Uint8Array(GROUP_AT + STORAGE * addresses.length);
  new DataView(request.buffer).setUint32(0, ifindex, true);
  addresses.forEach((address, i) =>
    request.set(socketAddress(address, 0), GROUP_AT + STORAGE * i)
  );
  const level = group.includes(":") ? IPPROTO_IPV6 : IPPROTO_IP;
  unwrap(
    libc().setsockopt(
      ...[socket.number, level, option, request, request.length] as const,
    ),
    "E_TEST",
    `change the membership of ${group}`,
  );
}

/** Joins `count` groups on the interface of the host. Disposal leaves the groups. */
export async function membershipSockets(
  host: Host,
  count: number,
  family: "ipv4" | "ipv6" = "ipv4",
): Promise<Disposable> {
  const ifindex = await host.ifindex();
  using netns = openNamespace(host.namespace);
  using sockets = new DisposableStack();
  const group = (n: number) =>
    String(
      family === "ipv4"
        ? IpAddress.ipv4(FIRST.ipv4 + n)
        : new IpAddress(SITE_LOCAL, 0, 0, FIRST.ipv6 + n),
    );
  for (let first = 0; first < count; first += GROUPS_PER_SOCKET) {
    const socket = sockets.use(withNamespace(
      netns.number,
      () => openSocket(familyOf(group(0)), SOCK_DGRAM_CLOEXEC, 0),
    ));
    const end = Math.min(count, first + GROUPS_PER_SOCKET);
    for (let n = first; n < end; n++) join(socket, ifindex, group(n));
  }
  return sockets.move();
}
