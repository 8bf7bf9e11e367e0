/** A non-blocking socket for rtnetlink events. */

import { addressOf, errno, libc } from "../../../ffi/libc.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import type { Fd } from "../../system/fd.ts";
import {
  setOption,
  setReceiveBuffer,
  SOL_SOCKET,
} from "../../system/socket_options.ts";
import { type NetlinkMessage, parseMessages } from "./message.ts";
import {
  DATAGRAM,
  MSG_DONTWAIT,
  openNetlink,
  SOL_NETLINK,
} from "./open_netlink.ts";

const SO_ATTACH_FILTER = 26;
const NETLINK_ADD_MEMBERSHIP = 1;
const MSG_DONTWAIT_TRUNC = MSG_DONTWAIT | 0x20;
/** Maximum datagrams per drain. */
const DRAIN_LIMIT = 1024;
/** Maximum datagrams discarded after an overrun, more than the receive buffer holds. */
const DISCARD_LIMIT = 65536;

/** Multicast groups of rtnetlink (`enum rtnetlink_groups`). */
export const Group = {
  LINK: 1,
  NEIGH: 3,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV4_RULE: 8,
  IPV6_IFADDR: 9,
  IPV6_ROUTE: 11,
  IPV6_RULE: 19,
  NEXTHOP: 32,
  IPV4_MCADDR: 37,
  IPV6_MCADDR: 38,
} as const;

/** Receive buffer of all event sockets. Request sockets use another, so that a callback may send requests. */
const events = new Uint8Array(DATAGRAM);

/** A socket that receives rtnetlink events. */
export class EventSocket implements Disposable {
  readonly #fd: Fd;

  /**
   * Opens the socket in `netns`, an open namespace, or in the thread's own. `receiveBuffer` is the size of the socket's
   * queue in bytes. Throws `E_NETLINK` and `E_NETNS`.
   */
  constructor(netns?: number, receiveBuffer = 1 << 20) {
    this.#fd = openNetlink(netns);
    setReceiveBuffer(this.#fd.number, receiveBuffer);
  }

  get fd(): number {
    return this.#fd.number;
  }

  /** Joins a multicast group. Returns false if the kernel refuses, for example because it lacks the group. */
  join(group: number): boolean {
    return setOption(
      this.#fd.number,
      SOL_NETLINK,
      NETLINK_ADD_MEMBERSHIP,
      group,
    );
  }

  /**
   * Attaches a filter program (struct sock_filter, 8 bytes each). The kernel drops events for which it returns 0.
   * Returns false if the kernel refuses.
   */
  filter(program: Uint8Array<ArrayBuffer>): boolean {
    // struct sock_fprog: length u16, padding, address.
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, program.length / 8, true);
    view.setBigUint64(8, addressOf(program), true);
    return libc().setsockopt(
      this.#fd.number,
      SOL_SOCKET,
      SO_ATTACH_FILTER,
      bytes,
      bytes.length,
    ) === 0;
  }

  /**
   * Calls `visit` with the queued events of at most `limit` datagrams. The body of an event is valid during the call.
   * The socket stays readable while it has more events.
   *
   * Returns "overrun" if events were lost. After an overrun the kernel drops all further events without another report
   * until the queue is empty (`netlink_overrun()` in net/netlink/af_netlink.c). The queue is therefore discarded, so
   * that a subsequent dump together with later events is complete. Throws `E_NETLINK`.
   */
  drain(
    visit: (message: NetlinkMessage) => void,
    limit = DRAIN_LIMIT,
  ): "ok" | "overrun" {
    for (let i = 0; i < limit; i++) {
      const length = this.#receive();
      if (length === 0) return "ok";
      if (length < 0 || length > events.length) {
        this.#discard();
        return "overrun";
      }
      for (const message of parseMessages(events.subarray(0, length))) {
        visit(message);
      }
    }
    return "ok";
  }

  #discard(): void {
    for (let i = 0; i < DISCARD_LIMIT && this.#receive() !== 0; i++);
  }

  /** Receives a datagram. Returns its length, 0 if none is queued, or -1 if events were lost. */
  #receive(): number {
    for (;;) {
      const length = libc().recv(
        this.#fd.number,
        events,
        events.length,
        MSG_DONTWAIT_TRUNC,
      );
      if (length >= 0) return length;
      const why = errno();
      if (why === Errno.EINTR) continue;
      if (why === Errno.EAGAIN) return 0;
      if (why === Errno.ENOBUFS) return -1;
      throw lastError("E_NETLINK", "read netlink events", { errno: why });
    }
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
