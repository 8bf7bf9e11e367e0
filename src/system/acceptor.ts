/**
 * Accepts the connections of a listening socket, a bounded number per turn.
 *
 * If accept(2) fails, for example because the process is out of descriptors, the socket stays readable. The acceptor
 * then stops polling it for {@linkcode PAUSE_MS}.
 */

import { IpoibError } from "../base/errors.ts";
import type { Fd } from "./fd.ts";
import type { Reactor, Timer, Watch } from "./reactor.ts";
import { accept } from "./unix_socket.ts";

/** Maximum connections accepted per turn. */
const CONNECTIONS_PER_TURN = 16;
/** Pause after a failed accept(2). */
const PAUSE_MS = 100;

export interface AcceptorParts {
  readonly reactor: Reactor;
  /** Owned and closed by the acceptor. */
  readonly listener: Fd;
  /** Takes ownership of a connection. If it throws, the acceptor closes the connection. */
  readonly take: (connection: Fd) => void;
  /** Called if accept(2) or `take` fails. */
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
