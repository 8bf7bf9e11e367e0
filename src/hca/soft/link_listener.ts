/**
 * The socket at which peers open links to a port: accepts connections and passes on verified hellos.
 *
 * A hello must arrive within {@linkcode HELLO_MS} of its connection. A hello of a port that is not in the forwarding
 * tables yet waits for the rest of that time. At most {@linkcode MAX_ARRIVALS} connections wait; for a further one, the
 * oldest is closed.
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

/** Time within which a connection must become a link. */
const HELLO_MS: Millis = 1000;
/** Maximum number of connections that are not links yet. */
const MAX_ARRIVALS = 64;

/** A connection and its hello. The receiver of a greeting owns its descriptors. */
export interface Greeting {
  readonly hello: LinkHello;
  readonly memory: Fd;
  readonly ring: Fd;
  readonly eventFd: Fd | undefined;
  readonly connection: Fd;
}

/** The result of checking a hello. `unknown`: the forwarding tables do not contain the sender yet. */
export type Verdict = "accepted" | "unknown" | "refused";

/** The port's objects and callbacks that its listener uses. */
export interface LinkListenerParts {
  readonly reactor: Reactor;
  /** Checks the sender of a hello. */
  readonly judge: (hello: LinkHello) => Verdict;
  /** Creates a link from an accepted hello. If this throws, the connection is closed and `failed` is called. */
  readonly take: (greeting: Greeting) => void;
  /** Called for each connection that was closed because its hello was late, malformed or refused. */
  readonly refused: () => void;
  /** Called after a system call failed. */
  readonly failed: (error: IpoibError) => void;
}

/** A connection that is not a link yet. */
interface Arrival {
  readonly connection: Fd;
  readonly deadline: Millis;
  watch: Watch | undefined;
  greeting: Greeting | undefined;
}

/** The listening socket of one port. */
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

  /**
   * Listens at `path`, and no longer at an earlier path. Replaces a socket file that a dead process has left. Throws
   * `E_SOCKET` or `E_SOCKET_PATH`.
   */
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

  /** Checks the waiting hellos again, after a change of the forwarding tables. */
  judgeAgain(): void {
    for (const arrival of [...this.#arrivals]) {
      if (arrival.greeting) this.#decide(arrival, arrival.greeting);
    }
  }

  /** Closes the socket and all waiting connections. */
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
      // The sender usually writes the hello right after connecting, so it may be readable already.
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

  /** Reads the hello. Returns false if it has not arrived yet. */
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
