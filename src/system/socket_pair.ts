/** Pairs of connected SOCK_SEQPACKET sockets. */

import { libc } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";
import { unwrap } from "./errno.ts";
import { setSendBuffer } from "./socket_options.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET_NONBLOCK_CLOEXEC = 5 | 0x800 | 0x80000;

/**
 * Creates a pair of connected non-blocking sockets. Throws `E_SOCKET`.
 *
 * @param queueBytes size of the queue of each direction: see {@linkcode setSendBuffer}
 */
export function socketPair(queueBytes?: number): [Fd, Fd] {
  const pair = new Int32Array(2);
  unwrap(
    libc().socketpair(
      AF_UNIX,
      SOCK_SEQPACKET_NONBLOCK_CLOEXEC,
      0,
      new Uint8Array(pair.buffer),
    ),
    "E_SOCKET",
    "create a socket pair",
  );
  if (queueBytes !== undefined) {
    for (const fd of pair) setSendBuffer(fd, queueBytes);
  }
  return [new Fd(pair[0]!), new Fd(pair[1]!)];
}
