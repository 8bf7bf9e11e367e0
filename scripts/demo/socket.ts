/** Blocking sockets over FFI, opened in a given network namespace. */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "../../src/system/errno.ts";
import { Fd } from "../../src/system/fd.ts";
import { withNamespace } from "../../src/system/namespace.ts";

const AF_INET = 2;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;

export const SOCK_STREAM = 1;
export const SOCK_RAW = 3;
export const IPPROTO_ICMP = 1;

/** Opens a socket in `namespace` whose calls time out after `timeoutMs`. */
export function openSocket(
  namespace: number,
  type: number,
  protocol: number,
  timeoutMs: number,
): Fd {
  const fd = new Fd(unwrap(
    withNamespace(
      namespace,
      () => libc().socket(AF_INET, type | SOCK_CLOEXEC, protocol),
    ),
    "E_SOCKET",
    "open a socket",
  ));
  limit(fd.number, timeoutMs);
  return fd;
}

/** Sets the time-out of receive and send calls on the socket. */
export function limit(fd: number, timeoutMs: number): void {
  const time = new Uint8Array(
    new BigInt64Array([
      BigInt(Math.floor(timeoutMs / 1000)),
      BigInt(timeoutMs % 1000) * 1000n,
    ]).buffer,
  );
  libc().setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, time, time.length);
  libc().setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, time, time.length);
}

/** Sets SO_REUSEADDR, so that the port can be bound again at once. */
export function reuse(fd: number): void {
  const on = new Uint8Array(new Int32Array([1]).buffer);
  libc().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, on, on.length);
}

/** Returns a `struct sockaddr_in`. */
export function socketAddress(
  address: number,
  port = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  view.setInt32(4, address);
  return bytes;
}
