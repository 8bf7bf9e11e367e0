/** UDP sockets of the test process in a host's namespace, for bursts of datagrams. */

import { libc } from "../../../ffi/libc.ts";
import { unwrap } from "../../../src/system/errno.ts";
import { type Fd, openSocket } from "../../../src/system/fd.ts";
import { openNamespace, withNamespace } from "../../../src/system/namespace.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import type { Host } from "./host.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const MSG_DONTWAIT = 0x40;

export class UdpSocket implements Disposable {
  readonly #fd: Fd;
  readonly #buffer = new Uint8Array(65536);

  /** Opens a socket in the namespace of `host`, bound to `port` on `at`, by default on all IPv4 addresses. */
  static open(host: Host, port: number, at = "0.0.0.0"): UdpSocket {
    using netns = openNamespace(host.namespace);
    const family = at.includes(":") ? AF_INET6 : AF_INET;
    const socket = new UdpSocket(
      withNamespace(
        netns.number,
        () => openSocket(family, SOCK_DGRAM_CLOEXEC, 0),
      ),
    );
    const own = socketAddress(at, port);
    unwrap(
      libc().bind(socket.#fd.number, own, own.length),
      "E_TEST",
      `bind to port ${port}`,
    );
    return socket;
  }

  private constructor(fd: Fd) {
    this.#fd = fd;
  }

  /** Sends a datagram. Throws if the kernel refuses it. */
  send(to: string, port: number, bytes: Uint8Array<ArrayBuffer>): void {
    const address = socketAddress(to, port);
    unwrap(
      libc().sendto(
        ...[this.#fd.number, bytes, bytes.length, 0] as const,
        ...[address, address.length] as const,
      ),
      "E_TEST",
      `send to ${to}`,
    );
  }

  /** Returns the datagrams that have arrived. */
  receive(): Uint8Array[] {
    const received: Uint8Array[] = [];
    for (;;) {
      const length = libc().recv(
        this.#fd.number,
        this.#buffer,
        this.#buffer.length,
        MSG_DONTWAIT,
      );
      if (length < 0) return received;
      received.push(this.#buffer.slice(0, length));
    }
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

/** Returns a struct sockaddr_in or sockaddr_in6. */
export function socketAddress(
  text: string,
  port: number,
): Uint8Array<ArrayBuffer> {
  const address = IpAddress.parse(text)!;
  const bytes = new Uint8Array(address.isIpv4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address.bytes(), address.isIpv4 ? 4 : 8);
  return bytes;
}
