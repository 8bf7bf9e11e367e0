/**
 * Connections of a listening socket, accepted a few in each turn.
 *
 * A process that is out of descriptors or memory cannot accept, and the socket stays readable: the acceptor then leaves it alone for
 * {@linkcode PAUSE_MS}.
 */

import { IpoibError } from "../base/errors.ts";
import type { Fd } from "./fd.ts";
import type { Reactor, Timer, Watch } from "./reactor.ts";
import { accept } from "./unix_socket.ts";

/** Connections of one turn. */
const CONNECTIONS_PER_TURN = 16;
/** How long nothing is accepted after a failure. */
const PAUSE_MS = 100;

export interface AcceptorParts {
  readonly reactor: Reactor;
  /** From now on the acceptor's. */
  readonly listener: Fd;
  /** Takes a connection; one for which this throws is closed. */
  readonly take: (connection: Fd) => void;
  /** A connection could not be accepted, or not be taken. */
  readonly failed: (error: IpoibError) => void;
}

export class Acceptor {
  readonly #parts: AcceptorParts;
  readonly #watch: Watch;
  readonly #resume: Timer;

  constructor(parts: AcceptorParts) {
    const { reactor, listener } = parts;
    this.#parts = parts;
    this.#watch = reactor.watch(listener.number, () => this.#accept());
    this.#resume = reactor.timer(() => this.#watch.enable(true));
  }

  close(): void {
    this.#watch.close();
    this.#resume.close();
    this.#parts.listener.close();
  }

  #accept(): void {
    const { reactor, listener, take, failed } = this.#parts;
    for (let i = 0; i < CONNECTIONS_PER_TURN; i++) {
      let connection: Fd | undefined;
      try {
        connection = accept(listener.number);
        if (!connection) return;
        take(connection);
      } catch (error) {
        failed(IpoibError.from(error));
        if (connection) connection.close();
        else {
          this.#watch.enable(false);
          this.#resume.at(reactor.clock.now() + PAUSE_MS);
          return;
        }
      }
    }
  }
}
