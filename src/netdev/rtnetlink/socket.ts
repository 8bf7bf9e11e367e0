/**
 * Two kinds of rtnetlink sockets: one for requests, which waits for its answer, and one for events, which never waits.
 *
 * Both are opened inside a network namespace and keep it. The kernel works on a request while it is being
 * sent, so an answer is there when the wait for it begins; the timeout is for the unforeseen.
 */

import { errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno, errnoText, lastError } from "../../system/errno.ts";
import { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { openSocket } from "../../system/open_socket.ts";
import {
  Attributes,
  HEADER_LENGTH,
  type MessageBuilder,
  type NetlinkMessage,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseMessages,
} from "./message.ts";

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT_TRUNC = 0x40 | 0x20;
const NLMSGERR_ATTR_MSG = 1;
const TIMEOUT_SECONDS = 2n;
/** The kernel fills at most 32 KiB of one datagram. */
const DATAGRAM = 65536;
const DUMP_ATTEMPTS = 5;
/** Datagrams of one drain: what is left wakes the reactor again. */
const DRAIN_LIMIT = 1024;

/** Multicast groups of rtnetlink (`enum rtnetlink_groups`). */
export const Group = {
  LINK: 1,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV4_RULE: 8,
  NEXTHOP: 32,
  IPV4_MCADDR: 37,
} as const;

/** Views of these live for one callback; what an event's callback asks must not overwrite the event. */
const answers = new Uint8Array(DATAGRAM);
const events = new Uint8Array(DATAGRAM);

function openNetlink(netns: number | undefined): Fd {
  const open = () =>
    openSocket(
      AF_NETLINK,
      SOCK_RAW_CLOEXEC,
      NETLINK_ROUTE,
      "E_NETLINK",
      "open a netlink socket",
    );
  const fd = netns === undefined ? open() : withNamespace(netns, open);
  const address = new Uint8Array(12);
  address[0] = AF_NETLINK;
  if (libc().bind(fd.number, address, address.length) < 0) {
    const failure = lastError("E_NETLINK", "bind a netlink socket");
    fd.close();
    throw failure;
  }
  return fd;
}

function setOption(
  fd: number,
  level: number,
  name: number,
  value: number,
): boolean {
  const bytes = new Uint8Array(new Int32Array([value]).buffer);
  return libc().setsockopt(fd, level, name, bytes, bytes.length) === 0;
}

/** Why the kernel refused a request. */
export interface Refusal {
  /** Positive errno. */
  readonly errno: number;
  /** The kernel's own words, where it has some. */
  readonly text: string | undefined;
}

/** A socket for requests that wait for their answer. */
export class RequestSocket implements Disposable {
  readonly #fd: Fd;
  #sequence = 0;

  /** Opens the socket in `netns` (an open namespace), or in the thread's own. */
  constructor(netns?: number) {
    this.#fd = openNetlink(netns);
    const timeout = new Uint8Array(
      new BigInt64Array([TIMEOUT_SECONDS, 0n]).buffer,
    );
    libc().setsockopt(
      this.#fd.number,
      SOL_SOCKET,
      SO_RCVTIMEO,
      timeout,
      timeout.length,
    );
    setOption(this.#fd.number, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    setOption(this.#fd.number, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  }

  /**
   * Sends a request and calls `visit` with each message of its answer, whose body is valid during the call.
   * Returns why the kernel refused, or undefined.
   */
  exchange(
    request: MessageBuilder,
    visit: (message: NetlinkMessage) => void = () => {},
  ): Refusal | undefined {
    const sequence = this.#sequence = (this.#sequence + 1) >>> 0;
    const bytes = request.finish(sequence);
    if (libc().send(this.#fd.number, bytes, bytes.length, 0) < 0) {
      return { errno: errno(), text: undefined };
    }
    for (;;) {
      const length = libc().recv(this.#fd.number, answers, answers.length, 0);
      if (length < 0) {
        const why = errno();
        if (why === Errno.EINTR) continue;
        return {
          errno: why === Errno.EAGAIN ? Errno.ETIMEDOUT : why,
          text: undefined,
        };
      }
      for (const message of parseMessages(answers.subarray(0, length))) {
        // An older request's late answer.
        if (message.sequence !== sequence) continue;
        if (message.type === NLMSG_ERROR) return refusal(message);
        if (message.type === NLMSG_DONE) return doneRefusal(message);
        visit(message);
        if ((message.flags & NLM_F_MULTI) === 0) return undefined;
      }
    }
  }

  /** Sends a request; throws an error with `code` if the kernel refuses. `action` completes "Cannot ...". */
  request(
    request: MessageBuilder,
    code: string,
    action: string,
    visit?: (message: NetlinkMessage) => void,
  ): void {
    const refused = this.exchange(request, visit);
    if (refused) throw refusalError(refused, code, action);
  }

  /** Everything that a dump brings and `parse` understands; again from the start if it changed on the way. */
  dump<T>(
    build: () => MessageBuilder,
    parse: (message: NetlinkMessage) => T | undefined,
    action: string,
  ): T[] {
    let found: T[] = [];
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      found = [];
      let interrupted = false;
      this.request(build(), "E_NETLINK", action, (message) => {
        if (message.flags & NLM_F_DUMP_INTR) interrupted = true;
        const record = parse(message);
        if (record !== undefined) found.push(record);
      });
      if (!interrupted) break;
    }
    return found;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The error that tells a user of a refusal. */
export function refusalError(
  refused: Refusal,
  code: string,
  action: string,
): IpoibError {
  const detail = refused.text ? ` (${refused.text})` : "";
  return new IpoibError(
    code,
    `Cannot ${action}: ${errnoText(refused.errno)}${detail}`,
    {
      errno: refused.errno,
      ...(refused.errno === Errno.EPERM
        ? { hint: "run as root, or with the capability CAP_NET_ADMIN" }
        : {}),
    },
  );
}

/** NLMSG_ERROR: a negative errno (0 acknowledges), the request's header, and the kernel's words. */
function refusal(message: NetlinkMessage): Refusal | undefined {
  const { body, flags } = message;
  const code = body.byteLength >= 4 ? -body.getInt32(0, true) : Errno.EIO;
  if (code === 0) return undefined;
  let text: string | undefined;
  if (flags & NLM_F_ACK_TLVS && body.byteLength >= 4 + HEADER_LENGTH) {
    const echoed = flags & NLM_F_CAPPED
      ? HEADER_LENGTH
      : body.getUint32(4, true);
    text = new Attributes(body, 4 + ((echoed + 3) & ~3)).string(
      NLMSGERR_ATTR_MSG,
    );
  }
  return { errno: code, text };
}

/** The end of a dump carries an errno too. */
function doneRefusal(message: NetlinkMessage): Refusal | undefined {
  const code = message.body.byteLength >= 4
    ? -message.body.getInt32(0, true)
    : 0;
  return code > 0 ? { errno: code, text: undefined } : undefined;
}

/** A socket that hears of changes. */
export class EventSocket implements Disposable {
  readonly #fd: Fd;

  /** Opens the socket in `netns`; `receiveBuffer` octets of events may wait before some are lost. */
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

  /** Calls `visit` with the events that wait (the body is valid during the call); returns "overrun" if some were lost. */
  drain(visit: (message: NetlinkMessage) => void): "ok" | "overrun" {
    let outcome: "ok" | "overrun" = "ok";
    for (let i = 0; i < DRAIN_LIMIT; i++) {
      const length = libc().recv(
        this.#fd.number,
        events,
        events.length,
        MSG_DONTWAIT_TRUNC,
      );
      if (length < 0) {
        const why = errno();
        if (why === Errno.EINTR) continue;
        if (why === Errno.ENOBUFS) {
          outcome = "overrun";
          continue;
        }
        if (why === Errno.EAGAIN) return outcome;
        throw lastError("E_NETLINK", "read netlink events", { errno: why });
      }
      if (length > events.length) {
        outcome = "overrun";
        continue;
      }
      for (const message of parseMessages(events.subarray(0, length))) {
        visit(message);
      }
    }
    return outcome;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
