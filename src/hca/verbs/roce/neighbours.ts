/**
 * Whether the kernel knows the Ethernet address behind a GID, and how to make it look for one.
 *
 * `ibv_create_ah` waits for neighbour discovery inside the kernel, up to a second whether the peer answers or not (Linux
 * `rdma_addr_find_l2_eth_by_grh` behaviour). So the kernel is made to look first, by an empty datagram to the peer's
 * discard port, and is asked what it found: neither waits.
 *
 * Sources: rtnetlink(7) and `linux/neighbour.h` for the question, RFC 863 for the port.
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
/** Offsets in the message: `struct nlmsghdr`, `struct ndmsg`, one attribute. */
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
const QUESTION_LENGTH = 48;
/** Room for any answer: the kernel cuts what does not fit, and the state stands at the front. */
const ANSWER_LENGTH = 1024;
/** NUD_REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT: states with an address. */
const NUD_VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;

/** `struct sockaddr_in6` of a GID's discard port. */
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

/** RTM_GETNEIGH for one address. */
export function neighbourQuestion(
  gid: Uint8Array,
  ifindex: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(QUESTION_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, QUESTION_LENGTH, true);
  view.setUint16(At.type, RTM_GETNEIGH, true);
  view.setUint16(At.flags, NLM_F_REQUEST, true);
  view.setUint8(At.family, AF_INET6);
  view.setInt32(At.ifindex, ifindex, true);
  view.setUint16(At.attribute, 4 + gid.length, true);
  view.setUint16(At.attribute + 2, NDA_DST, true);
  bytes.set(gid, At.address);
  return bytes;
}

/** True if the answer has an address; undefined if the kernel cannot tell (before Linux 5.0). */
export function neighbourAnswer(answer: Uint8Array): boolean | undefined {
  if (answer.length < At.attribute) return undefined;
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
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

/** Finds out about peers. */
export interface Neighbours {
  /** True if an address handle can be made without a wait, as far as can be told. */
  known(gid: Uint8Array, ifindex: number): boolean;
  /** Makes the kernel look; false if it cannot yet. */
  seek(gid: Uint8Array, ifindex: number): boolean;
  close(): void;
}

/** The kernel's own. */
export class KernelNeighbours implements Neighbours {
  readonly #netlink: Fd;
  readonly #datagrams: Fd;
  readonly #answer = new Uint8Array(ANSWER_LENGTH);
  readonly #nothing = new Uint8Array(1);

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

  known(gid: Uint8Array, ifindex: number): boolean {
    const question = neighbourQuestion(gid, ifindex);
    const fd = this.#netlink.number;
    if (libc().send(fd, question, question.length, 0) < 0) return true;
    const length = libc().recv(fd, this.#answer, ANSWER_LENGTH, 0);
    if (length < 0) return true;
    return neighbourAnswer(this.#answer.subarray(0, length)) ?? true;
  }

  seek(gid: Uint8Array, ifindex: number): boolean {
    const to = discardAddress(gid, ifindex);
    const sent = libc().sendto(
      this.#datagrams.number,
      this.#nothing,
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
