/** A TCP connection with continuous traffic in both directions, which checks the data and measures stalls. */

import { libc } from "../../../ffi/libc.ts";
import { Errno } from "../../../src/base/errno.ts";
import { lastError, unwrap } from "../../../src/system/errno.ts";
import { Fd, openSocket } from "../../../src/system/fd.ts";
import { openNamespace, withNamespace } from "../../../src/system/namespace.ts";
import type { Host } from "./host.ts";
import { socketAddress } from "../../system/socket_address.ts";

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0x80000;
const SOCK_CLOEXEC = 0x80000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const STEP_MS = 5;
/** Bytes that each side offers per step. */
const CHUNK = 8192;
/** Period of the stream in bytes: a prime, so that lost, duplicate or misplaced data does not match. */
const PERIOD = 65_521;
const RECEIVE = 65_536;

const pattern = new Uint8Array(PERIOD + RECEIVE);
for (let i = 0; i < pattern.length; i++) {
  pattern[i] = Math.imul(i % PERIOD, 2654435761) >>> 24;
}

/** One direction of the connection. */
interface Direction {
  readonly from: Fd;
  readonly to: Fd;
  sent: number;
  received: number;
  /** Time of the last arrival, in milliseconds. */
  lastArrivalMs: number;
  /** Longest time between arrivals. */
  stallMs: number;
}

export class TcpFlow implements Disposable {
  readonly #directions: readonly [Direction, Direction];
  readonly #buffer = new Uint8Array(RECEIVE);
  readonly #timer: ReturnType<typeof setInterval>;
  #failure: Error | undefined;

  /** Connects `from` to an address of `to` and starts the traffic. */
  static open(
    from: Host,
    to: Host,
    port: number,
    ip: string = to.address,
  ): TcpFlow {
    using listener = socketIn(to);
    const address = socketAddress(ip, port);
    unwrap(
      libc().bind(listener.number, address, address.length),
      "E_TEST",
      "bind",
    );
    unwrap(libc().listen(listener.number, 1), "E_TEST", "listen");
    const near = socketIn(from);
    unwrap(
      libc().connect(near.number, address, address.length),
      "E_TEST",
      `connect to ${ip}`,
    );
    const far = unwrap(
      libc().accept4(listener.number, null, null, SOCK_CLOEXEC),
      "E_TEST",
      "accept",
    );
    return new TcpFlow(near, new Fd(far));
  }

  private constructor(near: Fd, far: Fd) {
    const direction = (from: Fd, to: Fd): Direction => ({
      ...{ from, to, sent: 0, received: 0, stallMs: 0 },
      lastArrivalMs: performance.now(),
    });
    this.#directions = [direction(near, far), direction(far, near)];
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  /** Bytes received in the slower direction. Throws if the connection has failed, a RangeError if data was wrong. */
  get received(): number {
    this.#check();
    return Math.min(...this.#directions.map(({ received }) => received));
  }

  /** Longest time without an arrival in either direction, in milliseconds. Throws like {@linkcode received}. */
  get stallMs(): number {
    this.#check();
    const now = performance.now();
    return Math.max(
      ...this.#directions.map((each) =>
        Math.max(each.stallMs, now - each.lastArrivalMs)
      ),
    );
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }

  #step(): void {
    if (this.#failure) return;
    for (const direction of this.#directions) {
      const at = direction.sent % PERIOD;
      const taken = libc().send(
        direction.from.number,
        pattern.subarray(at, at + CHUNK),
        CHUNK,
        MSG_DONTWAIT | MSG_NOSIGNAL,
      );
      if (taken > 0) direction.sent += taken;
      this.#receive(direction);
    }
  }

  #receive(direction: Direction): void {
    for (;;) {
      const length = libc().recv(
        direction.to.number,
        this.#buffer,
        this.#buffer.length,
        MSG_DONTWAIT,
      );
      if (length <= 0) {
        const error = lastError("E_TEST", "receive");
        if (length === 0 || error.errno !== Errno.EAGAIN) this.#failure = error;
        return;
      }
      if (!this.#matches(direction.received % PERIOD, length)) {
        this.#failure = new RangeError(
          `Wrong data in ${length} bytes at offset ${direction.received}`,
        );
        return;
      }
      const now = performance.now();
      direction.received += length;
      direction.stallMs = Math.max(
        direction.stallMs,
        now - direction.lastArrivalMs,
      );
      direction.lastArrivalMs = now;
    }
  }

  /** True if the received data equals the stream from offset `at`. */
  #matches(at: number, length: number): boolean {
    for (let i = 0; i < length; i++) {
      if (this.#buffer[i] !== pattern[at + i]) return false;
    }
    return true;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { from } of this.#directions) from.close();
  }
}

function socketIn(host: Host): Fd {
  using netns = openNamespace(host.namespace);
  return withNamespace(
    netns.number,
    () => openSocket(AF_INET, SOCK_STREAM_CLOEXEC, 0),
  );
}
