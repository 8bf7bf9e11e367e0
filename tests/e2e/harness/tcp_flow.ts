/** A TCP connection with bytes both ways all the time, which knows how long it stood still and whether a byte was wrong. */

import { libc } from "../../../ffi/libc.ts";
import { Errno } from "../../../src/base/errno.ts";
import { lastError, unwrap } from "../../../src/system/errno.ts";
import { Fd, openSocket } from "../../../src/system/fd.ts";
import { openNamespace, withNamespace } from "../../../src/system/namespace.ts";
import type { Host } from "./host.ts";
import { socketAddress } from "./udp.ts";

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0x80000;
const SOCK_CLOEXEC = 0x80000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const STEP_MS = 5;
/** What each side offers in a step. */
const CHUNK = 8192;
/** The stream repeats itself after so many bytes, a prime: a piece that is lost, doubled or elsewhere does not fit. */
const PERIOD = 65_521;
const RECEIVE = 65_536;

const pattern = new Uint8Array(PERIOD + RECEIVE);
for (let i = 0; i < pattern.length; i++) {
  pattern[i] = Math.imul(i % PERIOD, 2654435761) >>> 24;
}

/** One way of the connection. */
interface Way {
  readonly from: Fd;
  readonly to: Fd;
  sent: number;
  received: number;
  /** When bytes arrived last, and the longest time without. */
  at: number;
  stall: number;
}

export class TcpFlow implements Disposable {
  readonly #ways: readonly [Way, Way];
  readonly #buffer = new Uint8Array(RECEIVE);
  readonly #timer: ReturnType<typeof setInterval>;
  #failure: Error | undefined;

  /** Connects from one host to an address of the other; the connection is in use from then on. */
  static open(from: Host, to: Host, port: number): TcpFlow {
    using listener = socketIn(to);
    const address = socketAddress(to.address, port);
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
      `connect to ${to.address}`,
    );
    const far = unwrap(
      libc().accept4(listener.number, null, null, SOCK_CLOEXEC),
      "E_TEST",
      "accept",
    );
    return new TcpFlow(near, new Fd(far));
  }

  private constructor(near: Fd, far: Fd) {
    const way = (from: Fd, to: Fd): Way => ({
      ...{ from, to, sent: 0, received: 0, stall: 0 },
      at: performance.now(),
    });
    this.#ways = [way(near, far), way(far, near)];
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  /** Bytes that arrived, of the way that had fewer. Throws if the connection broke, a RangeError if a byte was wrong. */
  get received(): number {
    this.#check();
    return Math.min(...this.#ways.map(({ received }) => received));
  }

  /** The longest time in which nothing arrived one way, in milliseconds. Throws if the connection broke. */
  get stall(): number {
    this.#check();
    const now = performance.now();
    return Math.max(
      ...this.#ways.map((way) => Math.max(way.stall, now - way.at)),
    );
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }

  #step(): void {
    if (this.#failure) return;
    for (const way of this.#ways) {
      const at = way.sent % PERIOD;
      const taken = libc().send(
        way.from.number,
        pattern.subarray(at, at + CHUNK),
        CHUNK,
        MSG_DONTWAIT | MSG_NOSIGNAL,
      );
      if (taken > 0) way.sent += taken;
      this.#receive(way);
    }
  }

  #receive(way: Way): void {
    for (;;) {
      const length = libc().recv(
        way.to.number,
        this.#buffer,
        this.#buffer.length,
        MSG_DONTWAIT,
      );
      if (length <= 0) {
        const error = lastError("E_TEST", "receive");
        if (length === 0 || error.errno !== Errno.EAGAIN) this.#failure = error;
        return;
      }
      if (!this.#isRight(way.received % PERIOD, length)) {
        this.#failure = new RangeError(
          `A byte is wrong among ${length} after ${way.received}`,
        );
        return;
      }
      const now = performance.now();
      way.received += length;
      way.stall = Math.max(way.stall, now - way.at);
      way.at = now;
    }
  }

  /** True if what was received is what the stream has from `at` on. */
  #isRight(at: number, length: number): boolean {
    for (let i = 0; i < length; i++) {
      if (this.#buffer[i] !== pattern[at + i]) return false;
    }
    return true;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { from } of this.#ways) from.close();
  }
}

function socketIn(host: Host): Fd {
  using netns = openNamespace(host.namespace);
  return withNamespace(
    netns.number,
    () => openSocket(AF_INET, SOCK_STREAM_CLOEXEC, 0),
  );
}
