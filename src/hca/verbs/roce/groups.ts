/**
 * Multicast on Ethernet: a queue pair that is attached to a group receives nothing until the network device has joined the MGID as
 * an IPv6 group, which programs the card's filter and tells switches (MLD).
 *
 * One socket for each group, because a socket has room for a limited number; its end is the leave.
 */

import { libc } from "../../../../ffi/libc.ts";
import { lastError } from "../../../system/errno.ts";
import { type Fd, openSocket } from "../../../system/fd.ts";
import { formatGid, gidKey } from "../../../wire/gid.ts";

const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const IPPROTO_IPV6 = 41;
const IPV6_JOIN_GROUP = 20;

/** `struct ipv6_mreq`. */
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

/** The groups that a port's network device is in because of this process. */
export class RoceGroups {
  readonly #joined = new Map<string, Joined>();

  /** Joins, or counts one more user. Throws `E_ROCE_GROUP`. */
  join(mgid: Uint8Array, ifindex: number): void {
    const key = gidKey(mgid);
    const known = this.#joined.get(key);
    if (known) known.users++;
    else this.#joined.set(key, { socket: open(mgid, ifindex), users: 1 });
  }

  /** One user fewer; the last one leaves. */
  leave(mgid: Uint8Array): void {
    const key = gidKey(mgid);
    const known = this.#joined.get(key);
    if (!known || --known.users > 0) return;
    this.#joined.delete(key);
    known.socket.close();
  }

  close(): void {
    for (const { socket } of this.#joined.values()) socket.close();
    this.#joined.clear();
  }
}

function open(mgid: Uint8Array, ifindex: number): Fd {
  const action = `join ${formatGid(mgid)} on network device ${ifindex}`;
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
