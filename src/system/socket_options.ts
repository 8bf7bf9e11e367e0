/** Options of sockets that are integers (setsockopt(2), socket(7)). */

import { libc } from "../../ffi/libc.ts";

export const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/** Sets a socket option of type int. Returns false if the kernel refuses. */
export function setOption(
  fd: number,
  level: number,
  name: number,
  value: number,
): boolean {
  const bytes = new Uint8Array(new Int32Array([value]).buffer);
  return libc().setsockopt(fd, level, name, bytes, bytes.length) === 0;
}

/**
 * Sets the size of the send queue in bytes; the kernel doubles it, and counts its own overhead of about 1 KiB a message.
 * Without CAP_NET_ADMIN in the initial user namespace, net.core.wmem_max limits it.
 */
export function setSendBuffer(fd: number, bytes: number): void {
  setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) ||
    setOption(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

/** Sets the size of the receive queue like {@linkcode setSendBuffer}; the limit is net.core.rmem_max. */
export function setReceiveBuffer(fd: number, bytes: number): void {
  setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) ||
    setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}
