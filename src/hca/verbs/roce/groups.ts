/**
 * Multicast groups on Ethernet. A queue pair attached to a group receives nothing until the network device has joined
 * the MGID as an IPv6 multicast group, which programs the filter of the adapter and notifies switches (MLD).
 *
 * Each group has a socket of its own, because the number of memberships of a socket is limited. Closing it leaves the
 * group.
 */

import { libc } from "../../../../ffi/libc.ts";
import { lastError } from "../../../system/errno.ts";
import { type Fd, openSocket } from "../../../system/fd.ts";
import { formatGid, gidKey } from "../../../wire/gid.ts";

const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const IPPROTO_IPV6 = 41;
const IPV6_JOIN_GROUP = 20;

/** Encodes a `struct ipv6_mreq`. */
export function groupRequest(
  mgid: Uint8Array,
  ifindex: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(20);
  bytes.set(mgid);
  new DataView(bytes.buffer).setUint32(16, ifindex, true);
  return bytes;
}

interface Joined {
  readonly socket: Fd;
  users: number;
}

/** The groups that a port has joined on its network device. */
export class RoceGroups {
  readonly #joined = new Map<string, Joined>();

  /** Joins the group if it has no user yet, and adds a user. Throws `E_ROCE_GROUP`. */
  join(mgid: Uint8Array, ifindex: number): void {
    const key = gidKey(mgid);
    const joined = this.#joined.get(key);
    if (joined) joined.users++;
    else this.#joined.set(key, { socket: open(mgid, ifindex), users: 1 });
  }

  /** Removes a user, and leaves the group with the last one. Does nothing if the group is not joined. */
  leave(mgid: Uint8Array): void {
    const key = gidKey(mgid);
    const joined = this.#joined.get(key);
    if (!joined || --joined.users > 0) return;
    this.#joined.delete(key);
    joined.socket.close();
  }

  /** Leaves all groups. */
  close(): void {
    for (const { socket } of this.#joined.values()) socket.close();
    this.#joined.clear();
  }
}

/** Joins the group on a new socket. Throws `E_ROCE_GROUP`. */
function open(mgid: Uint8Array, ifindex: number): Fd {
  const group = formatGid(mgid);
  const action = `join group ${group} on network interface ${ifindex}`;
  const socket = openSocket(
    AF_INET6,
    SOCK_DGRAM_CLOEXEC,
    0,
    "E_ROCE_GROUP",
    action,
  );
  const request = groupRequest(mgid, ifindex);
  const result = libc().setsockopt(
    socket.number,
    IPPROTO_IPV6,
    IPV6_JOIN_GROUP,
    request,
    request.length,
  );
  if (result === 0) return socket;
  const failure = lastError("E_ROCE_GROUP", action);
  socket.close();
  throw failure;
}
