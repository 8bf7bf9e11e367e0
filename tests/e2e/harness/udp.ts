/** UDP sockets of the test process in a host's namespace, for bursts of datagrams. */

import { libc } from "../../../ffi/libc.ts";
import { unwrap } from "../../../src/system/errno.ts";
import { type Fd, openSocket } from "../../../src/system/fd.ts";
import { openNamespace, withNamespace } from "../../../src/system/namespace.ts";
import type { Host } from "./host.ts";
import { join, leaveSource } from "./membership_sockets.ts";
import {
  familyOf,
  SOCK_DGRAM_CLOEXEC,
  socketAddress,
} from "../../system/socket_address.ts";

const MSG_DONTWAIT = 0x40;

export class UdpSocket implements Disposable {
  readonly #fd: Fd;
  readonly #buffer = new Uint8Array(65536);

  /** Opens a socket in the namespace of `host`, bound to `port` on all IPv4 addresses, or to `address`. */
  static open(host: Host, port: number, address = "0.0.0.0"): UdpSocket {
    using netns = openNamespace(host.namespace);
    const socket = new UdpSocket(
      withNamespace(
        netns.number,
        () => openSocket(familyOf(address), SOCK_DGRAM_CLOEXEC, 0),
      ),
    );
    const own = socketAddress(address, port);
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

  /** Joins one source of a group. */
  joinSource(ifindex: number, group: string, source: string): void {
    join(this.#fd, ifindex, group, source);
  }

  leaveSource(ifindex: number, group: string, source: string): void {
    leaveSource(this.#fd, ifindex, group, source);
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
