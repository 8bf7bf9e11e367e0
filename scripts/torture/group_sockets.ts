/** Multicast groups that a user joins on an interface: 239.1.0.0 and so on. */

import { libc } from "../../ffi/libc.ts";
import type { Fd } from "../../src/system/fd.ts";
import { openNamespace, withNamespace } from "../../src/system/namespace.ts";
import { openSocket } from "../../src/system/open_socket.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import type { Host } from "../../tests/e2e/harness/mod.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const IPPROTO_IP = 0;
const IP_ADD_MEMBERSHIP = 35;
/** The kernel bounds the memory of one socket's memberships. */
const JOINS_PER_SOCKET = 500;
/** 239.1.0.0. */
const FIRST_GROUP = 0xef010000;

export class GroupSockets implements Disposable {
  readonly #sockets: Fd[] = [];

  private constructor() {}

  /** Joins `count` groups; what the kernel refuses is left out (net.ipv4.igmp_max_memberships). */
  static join(host: Host, count: number): GroupSockets {
    const groups = new GroupSockets();
    using netns = openNamespace(host.namespace);
    const own = parseIpv4(host.address)!;
    for (let i = 0; i < count; i++) {
      if (i % JOINS_PER_SOCKET === 0) {
        groups.#sockets.push(withNamespace(
          netns.number,
          () => openSocket(AF_INET, SOCK_DGRAM_CLOEXEC, 0),
        ));
      }
      // struct ip_mreqn: group, own address, interface.
      const request = new Uint8Array(12);
      const view = new DataView(request.buffer);
      view.setUint32(0, FIRST_GROUP + i);
      view.setInt32(4, own);
      libc().setsockopt(
        ...[groups.#sockets.at(-1)!.number, IPPROTO_IP] as const,
        ...[IP_ADD_MEMBERSHIP, request, request.length] as const,
      );
    }
    return groups;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
  }
}
