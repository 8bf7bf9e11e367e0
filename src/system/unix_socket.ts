/**
 * SOCK_SEQPACKET sockets in the file system that pass file descriptors (SCM_RIGHTS).
 *
 * All calls are non-blocking. A message has at most {@linkcode MAX_MESSAGE} bytes and {@linkcode MAX_FDS} descriptors.
 * The layouts of struct msghdr, iovec and cmsghdr are those of 64-bit Linux.
 */

import { addressOf, cString, errno, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { lastError, unwrap } from "./errno.ts";
import { Fd, openSocket } from "./fd.ts";
import { removeFile } from "./files.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET_NONBLOCK_CLOEXEC = 5 | 0x800 | 0x80000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | MSG_NOSIGNAL;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** MSG_TRUNC and MSG_CTRUNC in the flags of a received message. */
const MSG_TRUNCATED = 0x20 | 0x08;
const SUN_PATH_LENGTH = 108;
const CMSG_HEADER = 16;

export const MAX_MESSAGE = 128 * 1024;
export const MAX_FDS = 8;

/** Result of {@linkcode receive}. */
export type Received =
  | { type: "message"; bytes: Uint8Array; fds: Fd[] }
  | { type: "empty" }
  | { type: "closed" };

/** Returns a struct sockaddr_un. Throws `E_SOCKET_PATH` for a path of more than 107 bytes. */
export function unixAddress(path: string): Uint8Array<ArrayBuffer> {
  const name = cString(path);
  if (name.length > SUN_PATH_LENGTH) {
    throw lastError(
      "E_SOCKET_PATH",
      `use "${path}" as a socket: the path is longer than 107 bytes`,
      { errno: Errno.EINVAL, hint: "choose a shorter IPOIB_RUNTIME_DIR" },
    );
  }
  const address = new Uint8Array(2 + name.length);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}

function open(): Fd {
  return openSocket(AF_UNIX, SOCK_SEQPACKET_NONBLOCK_CLOEXEC, 0);
}

/**
 * Creates a socket that listens at `path`. Throws `E_SOCKET`, with EADDRINUSE if `path` exists, and `E_SOCKET_PATH` for
 * a path of more than 107 bytes.
 *
 * The socket is bound to a temporary name and linked to `path` once it listens. A bound socket that does not listen yet
 * would be indistinguishable from a stale socket, which other processes remove.
 */
export function listen(path: string): Fd {
  using parts = new DisposableStack();
  const fd = parts.use(open());
  unixAddress(path);
  const name = path.lastIndexOf("/") + 1;
  // Not longer than the file name of `path` if that has at least four characters, so that each path within the limit
  // works.
  const length = Math.max(3, path.length - name - 1);
  const suffix = Math.random().toString(36).slice(2, 2 + length);
  const temporary = `${path.slice(0, name)}.${suffix}`;
  const address = unixAddress(temporary);
  const action = `listen at "${path}"`;
  unwrap(
    libc().bind(fd.number, address, address.length),
    "E_SOCKET",
    action,
  );
  try {
    unwrap(libc().listen(fd.number, 128), "E_SOCKET", action);
    Deno.linkSync(temporary, path);
  } catch (error) {
    if (error instanceof IpoibError) throw error;
    if (error instanceof Deno.errors.AlreadyExists) {
      throw lastError("E_SOCKET", action, { errno: Errno.EADDRINUSE });
    }
    const { message } = IpoibError.from(error);
    throw new IpoibError("E_SOCKET", `Cannot ${action}: ${message}`, {
      cause: error,
    });
  } finally {
    removeFile(temporary);
  }
  parts.move();
  return fd;
}

/**
 * Connects to `path`. Returns undefined if no process listens there or the queue of connections is full. Throws
 * `E_SOCKET`.
 */
export function connect(path: string): Fd | undefined {
  const fd = open();
  const address = unixAddress(path);
  if (libc().connect(fd.number, address, address.length) === 0) return fd;
  const why = errno();
  fd.close();
  if (
    why === Errno.ENOENT || why === Errno.ECONNREFUSED || why === Errno.EAGAIN
  ) {
    return undefined;
  }
  throw lastError("E_SOCKET", `connect to "${path}"`, { errno: why });
}

/**
 * Accepts one pending connection, or returns undefined if there is none. Throws `E_SOCKET`, for example if the process
 * is out of descriptors or memory.
 */
export function accept(listener: number): Fd | undefined {
  const fd = libc().accept4(
    listener,
    null,
    null,
    SOCK_SEQPACKET_NONBLOCK_CLOEXEC & ~5,
  );
  if (fd >= 0) return new Fd(fd);
  const why = errno();
  if (
    why === Errno.EAGAIN || why === Errno.EINTR || why === Errno.ECONNABORTED
  ) return undefined;
  throw lastError("E_SOCKET", "accept a connection", { errno: why });
}

/** The msghdr, iovec and control buffer of one message. */
class Message {
  readonly header = new Uint8Array(56);
  readonly #view = new DataView(this.header.buffer);
  readonly #iov = new BigUint64Array(2);
  readonly control = new Uint8Array(CMSG_HEADER + MAX_FDS * 4);
  readonly controlView = new DataView(this.control.buffer);

  prepare(data: Uint8Array<ArrayBuffer>, controlLength: number): void {
    this.#iov[0] = addressOf(data);
    this.#iov[1] = BigInt(data.length);
    const iov = addressOf(new Uint8Array(this.#iov.buffer));
    this.#view.setBigUint64(0, 0n, true);
    this.#view.setBigUint64(8, 0n, true);
    this.#view.setBigUint64(16, iov, true);
    this.#view.setBigUint64(24, 1n, true);
    this.#view.setBigUint64(
      32,
      controlLength ? addressOf(this.control) : 0n,
      true,
    );
    this.#view.setBigUint64(40, BigInt(controlLength), true);
    this.#view.setUint32(48, 0, true);
  }

  /** True if the received message or its control data did not fit into the buffers. */
  get truncated(): boolean {
    return (this.#view.getInt32(48, true) & MSG_TRUNCATED) !== 0;
  }

  get controlLength(): number {
    return Number(this.#view.getBigUint64(40, true));
  }
}

const message = new Message();
const inbox = new Uint8Array(MAX_MESSAGE);

/**
 * Sends one message. Returns false if sendmsg(2) fails, for example if the peer has closed or its queue is full.
 *
 * @param full what to do if the queue of a peer is full; `wait` blocks the thread
 */
export function send(
  fd: number,
  bytes: Uint8Array<ArrayBuffer>,
  fds: readonly number[] = [],
  full: "fail" | "wait" = "fail",
): boolean {
  const length = fds.length ? CMSG_HEADER + fds.length * 4 : 0;
  message.prepare(bytes, length);
  if (length) {
    message.controlView.setBigUint64(0, BigInt(length), true);
    message.controlView.setInt32(8, SOL_SOCKET, true);
    message.controlView.setInt32(12, SCM_RIGHTS, true);
    fds.forEach((value, i) =>
      message.controlView.setInt32(CMSG_HEADER + i * 4, value, true)
    );
  }
  const flags = full === "wait" ? MSG_NOSIGNAL : MSG_DONTWAIT_NOSIGNAL;
  return libc().sendmsg(fd, message.header, flags) === bytes.length;
}

const wake = new Uint8Array(1);

/** Sends one byte to wake the peer. Ignores errors: if the queue is full, earlier bytes wake the peer. */
export function sendWake(fd: number): void {
  libc().send(fd, wake, 1, MSG_DONTWAIT_NOSIGNAL);
}

/**
 * Receives and discards at most `limit` messages. The kernel closes descriptors that they pass.
 *
 * @returns the number of messages, or -1 if the peer has closed or recv(2) fails
 */
export function takeWakes(fd: number, limit: number): number {
  for (let i = 0; i < limit; i++) {
    const length = libc().recv(fd, wake, 1, MSG_DONTWAIT_NOSIGNAL);
    if (length > 0) continue;
    const why = errno();
    const empty = length < 0 && (why === Errno.EAGAIN || why === Errno.EINTR);
    return empty ? i : -1;
  }
  return limit;
}

function receiveOnce(fd: number): number {
  message.prepare(inbox, message.control.length);
  return libc().recvmsg(
    fd,
    message.header,
    MSG_DONTWAIT_NOSIGNAL | MSG_CMSG_CLOEXEC,
  );
}

/**
 * Receives one message with its descriptors, which the caller owns. The bytes are a copy. Returns `closed` if the peer
 * has closed, if recvmsg(2) fails, or if the message exceeds the limits, because a truncated message is useless.
 */
export function receive(fd: number): Received {
  let length = receiveOnce(fd);
  let why = length < 0 ? errno() : 0;
  // A peer that has closed with unread messages causes this error once, before the messages that it has sent.
  if (why === Errno.ECONNRESET) {
    length = receiveOnce(fd);
    why = length < 0 ? errno() : 0;
  }
  if (length < 0) {
    return why === Errno.EAGAIN || why === Errno.EINTR
      ? { type: "empty" }
      : { type: "closed" };
  }
  const fds: Fd[] = [];
  if (
    message.controlLength >= CMSG_HEADER + 4 &&
    message.controlView.getInt32(8, true) === SOL_SOCKET &&
    message.controlView.getInt32(12, true) === SCM_RIGHTS
  ) {
    const end = Number(message.controlView.getBigUint64(0, true));
    for (let at = CMSG_HEADER; at + 4 <= end; at += 4) {
      fds.push(new Fd(message.controlView.getInt32(at, true)));
    }
  }
  if (length === 0 || message.truncated) {
    for (const received of fds) received.close();
    return { type: "closed" };
  }
  return { type: "message", bytes: inbox.slice(0, length), fds };
}
