/**
 * Resolves GIDs to Ethernet addresses in the kernel's neighbour table, without blocking.
 *
 * `ibv_create_ah` blocks in the kernel during neighbour discovery, up to a second whether the peer answers or not
 * (Linux `rdma_addr_find_l2_eth_by_grh`). Neighbour discovery is therefore started beforehand, by an empty datagram to
 * the discard port of the peer, and the neighbour table is queried for the result. Neither call blocks.
 *
 * Sources: rtnetlink(7) and `linux/neighbour.h` for the query, RFC 863 for the discard port.
 */

import { libc } from "../../../../ffi/libc.ts";
import { Errno } from "../../../base/errno.ts";
import { type Fd, openSocket } from "../../../system/fd.ts";

const AF_INET6 = 10;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0x800 | 0x80000;
const DISCARD_PORT = 9;

const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 1;
const NDA_DST = 1;
/** Offsets in a message: `struct nlmsghdr`, then `struct ndmsg` or an error code, then one attribute. */
const At = {
  type: 4,
  flags: 6,
  family: 16,
  ifindex: 20,
  state: 24,
  error: 16,
  attribute: 28,
  address: 32,
} as const;
const REQUEST_LENGTH = 48;
/** Size of the reply buffer. The kernel truncates longer replies; the state is in the first 26 bytes. */
const REPLY_LENGTH = 1024;
/** The states with a link-layer address: NUD_REACHABLE, STALE, DELAY, PROBE, NOARP and PERMANENT. */
const NUD_VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;

/** Encodes the `struct sockaddr_in6` of the discard port at a GID. */
export function discardAddress(
  gid: Uint8Array,
  ifindex: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, DISCARD_PORT);
  bytes.set(gid, 8);
  view.setUint32(24, ifindex, true);
  return bytes;
}

/** Encodes an RTM_GETNEIGH request for the neighbour with a GID. */
export function neighbourRequest(
  gid: Uint8Array,
  ifindex: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(REQUEST_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REQUEST_LENGTH, true);
  view.setUint16(At.type, RTM_GETNEIGH, true);
  view.setUint16(At.flags, NLM_F_REQUEST, true);
  view.setUint8(At.family, AF_INET6);
  view.setInt32(At.ifindex, ifindex, true);
  view.setUint16(At.attribute, 4 + gid.length, true);
  view.setUint16(At.attribute + 2, NDA_DST, true);
  bytes.set(gid, At.address);
  return bytes;
}

/**
 * Decodes the reply: true if the neighbour has a link-layer address, false if it has none or is not in the table.
 * Returns undefined if the kernel does not support the request (before Linux 5.0) or the reply is not valid.
 */
export function parseNeighbourReply(reply: Uint8Array): boolean | undefined {
  if (reply.length < At.attribute) return undefined;
  const view = new DataView(reply.buffer, reply.byteOffset, reply.length);
  switch (view.getUint16(At.type, true)) {
    case RTM_NEWNEIGH:
      return (view.getUint16(At.state, true) & NUD_VALID) !== 0;
    case NLMSG_ERROR:
      return view.getInt32(At.error, true) === -Errno.ENOENT
        ? false
        : undefined;
    default:
      return undefined;
  }
}

/** Resolves the Ethernet addresses of peers. */
export interface Neighbours {
  /** True if creating an address handle for the GID does not block, or if that cannot be determined. */
  isResolved(gid: Uint8Array, ifindex: number): boolean;
  /** Starts neighbour discovery. Returns false if the network device cannot send now. */
  startResolution(gid: Uint8Array, ifindex: number): boolean;
  close(): void;
}

/** The neighbour table of the kernel. */
export class KernelNeighbours implements Neighbours {
  readonly #netlink: Fd;
  readonly #datagrams: Fd;
  readonly #reply = new Uint8Array(REPLY_LENGTH);
  /** Buffer of the empty datagram. */
  readonly #payload = new Uint8Array(1);

  /** Throws `E_SOCKET`. */
  constructor() {
    using parts = new DisposableStack();
    this.#netlink = parts.use(
      openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE),
    );
    this.#datagrams = parts.use(
      openSocket(AF_INET6, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0),
    );
    parts.move();
  }

  isResolved(gid: Uint8Array, ifindex: number): boolean {
    const request = neighbourRequest(gid, ifindex);
    const fd = this.#netlink.number;
    if (libc().send(fd, request, request.length, 0) < 0) return true;
    const length = libc().recv(fd, this.#reply, REPLY_LENGTH, 0);
    if (length < 0) return true;
    return parseNeighbourReply(this.#reply.subarray(0, length)) ?? true;
  }

  startResolution(gid: Uint8Array, ifindex: number): boolean {
    const to = discardAddress(gid, ifindex);
    const sent = libc().sendto(
      this.#datagrams.number,
      this.#payload,
      0,
      0,
      to,
      to.length,
    );
    return sent === 0;
  }

  close(): void {
    this.#netlink.close();
    this.#datagrams.close();
  }
}
