/**
 * The socket at which peers open links to a port: connections in, hellos that were verified out.
 *
 * A connection has {@linkcode HELLO_MS} to say its hello. A hello of a port that the subnet manager has not told of yet waits for that as
 * long. At most {@linkcode MAX_ARRIVALS} connections wait; beyond that the oldest is closed.
 */

import type { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import { Acceptor } from "../../system/acceptor.ts";
import type { Fd } from "../../system/fd.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { removeFile } from "../../system/files.ts";
import { listen, receive } from "../../system/unix_socket.ts";
import {
  decodeLinkMessage,
  HELLO_FDS,
  type LinkHello,
  LinkHelloSchema,
} from "./link_hello.ts";

/** How long a connection may take to become a link. */
const HELLO_MS: Millis = 1000;
/** Connections that may wait at a time. */
const MAX_ARRIVALS = 64;

/** A connection with a hello, whose descriptors the taker closes. */
export interface Greeting {
  readonly hello: LinkHello;
  readonly memory: Fd;
  readonly ring: Fd;
  readonly eventFd: Fd | undefined;
  readonly connection: Fd;
}

/** What becomes of a hello. */
export type Verdict = "accepted" | "unknown" | "refused";

export interface LinkListenerParts {
  readonly reactor: Reactor;
  /** Looks at who says hello: `unknown` if the subnet manager has not told of it yet. */
  readonly judge: (hello: LinkHello) => Verdict;
  /** Makes a link of an accepted hello; a connection for which this throws is closed. */
  readonly take: (greeting: Greeting) => void;
  /** A connection was closed because of what came on it, or because nothing came. */
  readonly refused: () => void;
  /** A call failed. */
  readonly failed: (error: IpoibError) => void;
}

/** A connection that is not a link yet. */
interface Arrival {
  readonly connection: Fd;
  readonly deadline: Millis;
  watch: Watch | undefined;
  greeting: Greeting | undefined;
}

export class LinkListener {
  readonly #parts: LinkListenerParts;
  readonly #timer: Timer;
  /** Oldest first. */
  readonly #arrivals = new Set<Arrival>();
  #acceptor: Acceptor | undefined;
  #path = "";

  constructor(parts: LinkListenerParts) {
    this.#parts = parts;
    this.#timer = parts.reactor.timer((now) => this.#closeLate(now));
  }

  /** Listens at `path`; a socket that a dead process left there is replaced. Throws what `listen()` throws. */
  listen(path: string): void {
    this.#stop();
    const { reactor, failed } = this.#parts;
    removeFile(path);
    this.#acceptor = new Acceptor({
      reactor,
      listener: listen(path),
      take: (connection) => this.#arrive(connection),
      failed,
    });
    this.#path = path;
  }

  /** Judges again what was unknown: the subnet manager has told of ports. */
  judgeAgain(): void {
    for (const arrival of [...this.#arrivals]) {
      if (arrival.greeting) this.#decide(arrival, arrival.greeting);
    }
  }

  close(): void {
    this.#stop();
    for (const arrival of [...this.#arrivals]) this.#drop(arrival);
    this.#timer.close();
  }

  #stop(): void {
    if (!this.#acceptor) return;
    this.#acceptor.close();
    this.#acceptor = undefined;
    removeFile(this.#path);
  }

  #arrive(connection: Fd): void {
    const { reactor, refused } = this.#parts;
    if (this.#arrivals.size >= MAX_ARRIVALS) {
      const [oldest] = this.#arrivals;
      this.#drop(oldest!);
      refused();
    }
    const deadline = reactor.clock.now() + HELLO_MS;
    const arrival: Arrival = {
      connection,
      deadline,
      watch: undefined,
      greeting: undefined,
    };
    this.#arrivals.add(arrival);
    if (this.#arrivals.size === 1) this.#timer.at(deadline);
    try {
      // The hello is there already if it was sent with the connection.
      if (this.#read(arrival)) return;
      arrival.watch = reactor.watch(
        connection.number,
        () => void this.#read(arrival),
        { failed: (error) => this.#fail(arrival, error) },
      );
    } catch (error) {
      this.#drop(arrival);
      throw error;
    }
  }

  /** False if the hello has not come yet. */
  #read(arrival: Arrival): boolean {
    const received = receive(arrival.connection.number);
    if (received.type === "empty") return false;
    arrival.watch?.close();
    arrival.watch = undefined;
    const hello = received.type === "message"
      ? decodeLinkMessage(received.bytes, LinkHelloSchema)
      : undefined;
    const fds = received.type === "message" ? received.fds : [];
    const [memory, ring, eventFd, extra] = fds;
    if (!hello || !memory || !ring || extra || fds.length < HELLO_FDS) {
      for (const fd of fds) fd.close();
      this.#refuse(arrival);
      return true;
    }
    const { connection } = arrival;
    arrival.greeting = { hello, memory, ring, eventFd, connection };
    this.#decide(arrival, arrival.greeting);
    return true;
  }

  #decide(arrival: Arrival, greeting: Greeting): void {
    const verdict = this.#parts.judge(greeting.hello);
    if (verdict === "unknown") return;
    if (verdict === "refused") return this.#refuse(arrival);
    this.#arrivals.delete(arrival);
    try {
      this.#parts.take(greeting);
    } catch (error) {
      this.#fail(arrival, error as IpoibError);
    }
  }

  #closeLate(now: Millis): void {
    for (const arrival of this.#arrivals) {
      if (arrival.deadline > now) return this.#timer.at(arrival.deadline);
      this.#refuse(arrival);
    }
  }

  #refuse(arrival: Arrival): void {
    this.#drop(arrival);
    this.#parts.refused();
  }

  #fail(arrival: Arrival, error: IpoibError): void {
    this.#drop(arrival);
    this.#parts.failed(error);
  }

  #drop(arrival: Arrival): void {
    this.#arrivals.delete(arrival);
    arrival.watch?.close();
    arrival.greeting?.memory.close();
    arrival.greeting?.ring.close();
    arrival.greeting?.eventFd?.close();
    arrival.connection.close();
  }
}
