/**
 * A blocking socket for rtnetlink requests.
 *
 * It stays bound to the network namespace in which it was opened. The kernel processes a request within send(2), so the
 * reply is available immediately. A timeout guards against a missing reply.
 */

import { errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import type { Fd } from "../../system/fd.ts";
import { setOption, SOL_SOCKET } from "../../system/socket_options.ts";
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
  SOL_NETLINK,
} from "./open_netlink.ts";

const SO_RCVTIMEO = 20;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NLMSGERR_ATTR_MSG = 1;
const TIMEOUT_SECONDS = 2n;
const DUMP_ATTEMPTS = 5;
/** Maximum requests per datagram. The socket's queue holds the replies to all of them. */
const POST_LIMIT = 64;

/** Receive buffer of all request sockets. Message bodies are views of it, valid during one callback. */
const answers = new Uint8Array(DATAGRAM);

/** The kernel's refusal of a request. */
export interface Refusal {
  /** Positive errno. */
  readonly errno: number;
  /** The kernel's error message (NLMSGERR_ATTR_MSG), if any. */
  readonly text: string | undefined;
}

/** A socket for requests. */
export class RequestSocket implements Disposable {
  readonly #fd: Fd;
  #sequence = 0;
  #port = 0;

  /** Opens the socket in `netns`, an open namespace, or in the thread's own. Throws `E_NETLINK` and `E_NETNS`. */
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

  /** The descriptor, also usable for ioctl(2) requests on interfaces of the namespace; -1 after `close()`. */
  get fd(): number {
    return this.#fd.number;
  }

  /**
   * The netlink address of this socket, which the kernel sets in events that its requests cause; 0 before the first
   * reply.
   */
  get port(): number {
    return this.#port;
  }

  /**
   * Sends a request and calls `visit` with each message of the reply. The body is valid during the call. Returns the
   * refusal, or undefined on success. A failed or timed-out (ETIMEDOUT) system call counts as a refusal.
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
        // A late reply to an earlier request.
        if (message.sequence !== sequence) continue;
        this.#port = message.port;
        if (message.type === NLMSG_ERROR) return refusal(message);
        if (message.type === NLMSG_DONE) return doneRefusal(message);
        visit(message);
        if ((message.flags & NLM_F_MULTI) === 0) return undefined;
      }
    }
  }

  /** Sends a request like {@linkcode exchange}. Throws an error with `code` and the message `Cannot ACTION: TEXT`. */
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
   * Sends requests without NLM_F_ACK, many per datagram, and returns the refusals. It does not wait: the kernel replies
   * to refused requests only, before send(2) returns.
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
      const failure = { errno: errno(), text: undefined };
      refused.push(...requests.map(() => failure));
      return;
    }
    for (;;) {
      const length = libc().recv(number, answers, answers.length, MSG_DONTWAIT);
      if (length < 0) {
        if (errno() === Errno.EINTR) continue;
        return;
      }
      for (const message of parseMessages(answers.subarray(0, length))) {
        // A late reply to an earlier request.
        if ((message.sequence - first) >>> 0 >= requests.length) continue;
        const error = message.type === NLMSG_ERROR
          ? refusal(message)
          : undefined;
        if (error) refused.push(error);
      }
    }
  }

  /**
   * Sends a dump request and returns the parsed messages, without those for which `parse` returns undefined. Repeats
   * the dump if the table changed meanwhile, and returns the result of the last of {@linkcode DUMP_ATTEMPTS} attempts
   * in any case. Throws `E_NETLINK`.
   */
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

/** Concatenates messages, padded to 4 bytes each. */
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

/** Returns the error for a refusal, with the message `Cannot ACTION: TEXT`. */
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

/** Parses NLMSG_ERROR: negative errno (0 is an acknowledgement), header or copy of the request, attributes. */
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

/** Parses the errno in NLMSG_DONE, which ends a dump. */
function doneRefusal(message: NetlinkMessage): Refusal | undefined {
  const code = message.body.byteLength >= 4
    ? -message.body.getInt32(0, true)
    : 0;
  return code > 0 ? { errno: code, text: undefined } : undefined;
}
