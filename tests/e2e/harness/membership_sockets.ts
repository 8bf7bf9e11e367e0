/** Sockets that join many multicast groups, as an unprivileged user can. */

import { libc } from "../../../ffi/libc.ts";
import { unwrap } from "../../../src/system/errno.ts";
import { openNamespace, withNamespace } from "../../../src/system/namespace.ts";
import { openSocket } from "../../../src/system/fd.ts";
import type { Host } from "./host.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const IPPROTO_IP = 0;
const IP_ADD_MEMBERSHIP = 35;
/** Default of `net.ipv4.igmp_max_memberships`. */
const GROUPS_PER_SOCKET = 20;
/** The first group: 239.9.0.0. */
const FIRST = 0xef090000;

/** Joins `count` groups on the interface that has the address of the host. Disposal leaves the groups. */
export function membershipSockets(host: Host, count: number): Disposable {
  using netns = openNamespace(host.namespace);
  using sockets = new DisposableStack();
  const request = new Uint8Array(8);
  const view = new DataView(request.buffer);
  // struct ip_mreq: group address, interface address.
  host.address.split(".").forEach((byte, i) =>
    view.setUint8(4 + i, Number(byte))
  );
  for (let first = 0; first < count; first += GROUPS_PER_SOCKET) {
    const socket = sockets.use(withNamespace(
      netns.number,
      () => openSocket(AF_INET, SOCK_DGRAM_CLOEXEC, 0),
    ));
    const end = Math.min(count, first + GROUPS_PER_SOCKET);
    for (let n = first; n < end; n++) {
      view.setUint32(0, FIRST + n);
      unwrap(
        libc().setsockopt(
          ...[socket.number, IPPROTO_IP, IP_ADD_MEMBERSHIP] as const,
          ...[request, request.length] as const,
        ),
        "E_TEST",
        "join a group",
      );
    }
  }
  return sockets.move();
}
