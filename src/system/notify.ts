/** Notifications to a service manager (sd_notify(3)): datagrams to the socket named by NOTIFY_SOCKET. */

import { libc } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";
import { send } from "./unix_socket.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;

/**
 * Sends `state`, for example `READY=1`, to the socket at `socketPath`, or to an abstract socket if the path starts with
 * `@`, with copies of the descriptors `fds`. Does nothing if the path is missing or longer than 107 bytes, and
 * ignores errors.
 */
export function notify(
  state: string,
  socketPath: string | undefined,
  fds: readonly number[] = [],
): void {
  if (!socketPath) return;
  const encoder = new TextEncoder();
  const name = encoder.encode(socketPath);
  if (name.length > 107) return;
  const address = new Uint8Array(2 + name.length);
  address[0] = AF_UNIX;
  address.set(name, 2);
  if (socketPath.startsWith("@")) address[2] = 0;
  const raw = libc().socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (raw < 0) return;
  using fd = new Fd(raw);
  if (libc().connect(fd.number, address, address.length) < 0) return;
  send(fd.number, encoder.encode(state), fds, "wait");
}
