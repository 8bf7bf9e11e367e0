/** A socket for rtnetlink events, which never waits. */

import { addressOf, errno, libc } from "../../../ffi/libc.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import type { Fd } from "../../system/fd.ts";
import { type NetlinkMessage, parseMessages } from "./message.ts";
import {
  DATAGRAM,
  MSG_DONTWAIT,
  openNetlink,
  setOption,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./open_netlink.ts";

const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const NETLINK_ADD_MEMBERSHIP = 1;
const MSG_DONTWAIT_TRUNC = MSG_DONTWAIT | 0x20;
/** Datagrams of one drain: what is left wakes the reactor again. */
const DRAIN_LIMIT = 1024;
/** Datagrams that an overrun throws away at most: more than any receive buffer of ours holds. */
const DISCARD_LIMIT = 65536;

/** Multicast groups of rtnetlink (`enum rtnetlink_groups`). */
export const Group = {
  LINK: 1,
  NEIGH: 3,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV4_RULE: 8,
  NEXTHOP: 32,
  IPV4_MCADDR: 37,
} as const;

/** Views of it live for one callback. Answers to requests have other memory: what a callback asks overwrites no event. */
const events = new Uint8Array(DATAGRAM);

/** A socket that hears of changes. */
export class EventSocket implements Disposable {
  readonly #fd: Fd;

  /** Opens the socket in `netns`; `receiveBuffer` bytes of events may wait before some are lost. */
  constructor(netns?: number, receiveBuffer = 1 << 20) {
    this.#fd = openNetlink(netns);
    // The forced way needs CAP_NET_ADMIN in the initial user namespace; the other is bounded by a sysctl.
    if (
      !setOption(this.#fd.number, SOL_SOCKET, SO_RCVBUFFORCE, receiveBuffer)
    ) {
      setOption(this.#fd.number, SOL_SOCKET, SO_RCVBUF, receiveBuffer);
    }
  }

  get fd(): number {
    return this.#fd.number;
  }

  /** Joins a group; false if this kernel does not have it. */
  join(group: number): boolean {
    return setOption(
      this.#fd.number,
      SOL_NETLINK,
      NETLINK_ADD_MEMBERSHIP,
      group,
    );
  }

  /** Has the kernel run a program (struct sock_filter, 8 bytes each) on each event and drop those it returns 0 for. */
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
   * Calls `visit` with the events that wait (the body is valid during the call), those of at most `limit` datagrams; what
   * is left wakes the reactor again.
   *
   * Returns "overrun" if some were lost. From then on the kernel drops every further event, and does not say so again,
   * until the socket is empty (`netlink_overrun()` in net/netlink/af_netlink.c). So what waits is thrown away, and
   * a dump that follows misses nothing.
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

  /** The length of the next datagram, 0 if none waits, -1 if some were lost. */
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
