/** PIDs of the processes behind Unix sockets, in the PID namespace of this process (unix(7), SO_PEERCRED). */

import { libc } from "../../ffi/libc.ts";
import { openSocket } from "./fd.ts";
import { SOL_SOCKET } from "./socket_options.ts";
import { unixAddress } from "./unix_socket.ts";

const AF_UNIX = 1;
/** Non-blocking, because the queue of connections may be full. */
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0x800 | 0x80000;
const SO_PEERCRED = 17;
/** Length of struct ucred: PID, user and group. */
const CREDENTIALS = 12;

/**
 * Returns the PID of the process that has connected a socket, or listened for its connection; undefined if it is in a
 * PID namespace that this process does not see.
 */
export function peerPid(fd: number): number | undefined {
  const value = new Uint8Array(CREDENTIALS);
  const size = new Uint8Array(new Uint32Array([CREDENTIALS]).buffer);
  const failed = libc().getsockopt(
    ...[fd, SOL_SOCKET, SO_PEERCRED, value, size] as const,
  );
  return failed < 0
    ? undefined
    : new DataView(value.buffer).getInt32(0, true) || undefined;
}

/**
 * Returns the PID of the process that listens for streams at `path`; undefined if there is none, or as
 * {@linkcode peerPid}. Throws `E_SOCKET_PATH` for a path of more than 107 bytes.
 */
export function listenerPid(path: string): number | undefined {
  using fd = openSocket(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  const address = unixAddress(path);
  if (libc().connect(fd.number, address, address.length) < 0) return undefined;
  return peerPid(fd.number);
}
