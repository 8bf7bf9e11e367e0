/**
 * A socket for rtnetlink requests, which waits for the answer.
 *
 * It is opened inside a network namespace and keeps it. The kernel works on a request while it is being sent, so
 * an answer is there when the wait for it begins; the timeout is for the unforeseen.
 */

import { errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import type { Fd } from "../../system/fd.ts";
import {
  align,
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
import {
  DATAGRAM,
  MSG_DONTWAIT,
  openNetlink,
  setOption,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./open_netlink.ts";

const SO_RCVTIMEO = 20;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NLMSGERR_ATTR_MSG = 1;
const TIMEOUT_SECONDS = 2n;
const DUMP_ATTEMPTS = 5;
/** Messages of one datagram of requests: the answers to all of them fit into the receive buffer. */
const POST_LIMIT = 64;

/** Views of it live for one callback. */
const answers = new Uint8Array(DATAGRAM);

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
  #port = 0;

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

  /** The descriptor, which serves for ioctl(2) requests about interfaces of the namespace too; -1 once closed. */
  get fd(): number {
    return this.#fd.number;
  }

  /** The address of this socket, by which the kernel marks events that it caused; 0 before the first answer. */
  get port(): number {
    return this.#port;
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
        this.#port = message.port;
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

  /**
   * Sends requests that carry no NLM_F_ACK, many in one datagram; returns why the kernel refused some of them.
   * rtnetlink works on a request while it is being sent, so there is nothing to wait for: a refusal is there when the
   * call that sends returns, and what was done has no answer.
   */
  post(requests: readonly MessageBuilder[]): Refusal[] {
    const refused: Refusal[] = [];
    for (let at = 0; at < requests.length; at += POST_LIMIT) {
      this.#post(requests.slice(at, at + POST_LIMIT), refused);
    }
    return refused;
  }

  #post(requests: readonly MessageBuilder[], refused: Refusal[]): void {
    const first = this.#sequence + 1;
    this.#sequence = (this.#sequence + requests.length) >>> 0;
    const bytes = concatenate(
      requests.map((request, i) => request.finish((first + i) >>> 0)),
    );
    const { number } = this.#fd;
    if (libc().send(number, bytes, bytes.length, 0) < 0) {
      const why = { errno: errno(), text: undefined };
      refused.push(...requests.map(() => why));
      return;
    }
    for (;;) {
      const length = libc().recv(number, answers, answers.length, MSG_DONTWAIT);
      if (length < 0) {
        if (errno() === Errno.EINTR) continue;
        return;
      }
      for (const message of parseMessages(answers.subarray(0, length))) {
        // An older request's late answer.
        if ((message.sequence - first) >>> 0 >= requests.length) continue;
        const why = message.type === NLMSG_ERROR ? refusal(message) : undefined;
        if (why) refused.push(why);
      }
    }
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

/** Messages one after the other, each with its padding. */
function concatenate(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(
    messages.reduce((sum, { length }) => sum + align(length), 0),
  );
  let at = 0;
  for (const message of messages) {
    bytes.set(message, at);
    at += align(message.length);
  }
  return bytes;
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
