/** Non-blocking TCP sockets in namespaces. */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "../../src/system/errno.ts";
import { Fd } from "../../src/system/fd.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { familyOf, socketAddress } from "../system/socket_address.ts";
import type { TestNamespace } from "./support.ts";

const SOCK_STREAM = 1;
const NONBLOCK_CLOEXEC = 0x80800;
const SOL_SOCKET = 1;
const IPPROTO_TCP = 6;

/** Socket options: level and name. */
export const SocketOption = {
  ReceiveBuffer: [SOL_SOCKET, 8],
  OobInline: [SOL_SOCKET, 10],
  NoDelay: [IPPROTO_TCP, 1],
} as const;

function tcpSocket({ fd }: TestNamespace, address: string): Fd {
  const domain = familyOf(address);
  const flags = SOCK_STREAM | NONBLOCK_CLOEXEC;
  return new Fd(
    withNamespace(fd, () => libc().socket(domain, flags, 0)),
  );
}

export function setOption(
  socket: Fd,
  [level, name]: typeof SocketOption[keyof typeof SocketOption],
  value: number,
): void {
  const bytes = new Uint8Array(new Int32Array([value]).buffer);
  const set = libc().setsockopt(socket.number, level, name, bytes, 4);
  unwrap(set, "E_TEST", "set a socket option");
}

/** Returns a listening socket. */
export function listener(
  netns: TestNamespace,
  address: string,
  port: number,
): Fd {
  const socket = tcpSocket(netns, address);
  const own = socketAddress(address, port);
  const bound = libc().bind(socket.number, own, own.length);
  unwrap(bound, "E_TEST", "bind");
  unwrap(libc().listen(socket.number, 1), "E_TEST", "listen");
  return socket;
}

/** Returns the next connection of a listening socket, or undefined if there is none. */
export function accept(socket: Fd): Fd | undefined {
  const { number } = socket;
  const fd = libc().accept4(number, null, null, NONBLOCK_CLOEXEC);
  return fd < 0 ? undefined : new Fd(fd);
}

/** Starts a connection. */
export function connect(
  netns: TestNamespace,
  address: string,
  port: number,
): Fd {
  const socket = tcpSocket(netns, address);
  const to = socketAddress(address, port);
  // Fails with EINPROGRESS.
  libc().connect(socket.number, to, to.length);
  return socket;
}
