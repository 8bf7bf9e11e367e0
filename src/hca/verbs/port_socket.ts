/**
 * The end of the libibumad worker (umad_port.ts) of the socket to its port, for messages to the port. The socket is full
 * while the port is busy: what finds no space is counted, and the numbers are passed when there is space again.
 */

import type { Reactor, Timer } from "../../system/reactor.ts";
import { send } from "../../system/unix_socket.ts";
import { emitSendReport, type SendReport } from "./send_report.ts";
import { emitWorkerCounts, type WorkerCounts } from "./worker_counts.ts";

/** Interval of attempts to pass the numbers. */
const INTERVAL_MS = 100;

const none = (): WorkerCounts => ({ sent: 0, refused: 0, dropped: 0 });

/** See the comment at the top of this file. */
export class PortSocket {
  readonly #reactor: Reactor;
  readonly #socket: number;
  readonly #timer: Timer;
  #counts: WorkerCounts | undefined;

  /** @param socket its owner closes it after this object */
  constructor(reactor: Reactor, socket: number) {
    this.#reactor = reactor;
    this.#socket = socket;
    this.#timer = reactor.timer(() => this.#pass());
  }

  /** Passes a received MAD, in the format of user_mad.ts. */
  deliver(mad: Uint8Array<ArrayBuffer>): void {
    if (!send(this.#socket, mad)) this.drop();
  }

  /** Counts a received MAD that is not passed. */
  drop(): void {
    this.#count("dropped");
  }

  /** Passes the result of a send. If there is no space, the port counts it later, but its agent is not told. */
  report(report: SendReport): void {
    if (send(this.#socket, emitSendReport(report))) return;
    this.#count(report.errno === 0 ? "sent" : "refused");
  }

  close(): void {
    this.#timer.close();
  }

  #count(what: keyof WorkerCounts): void {
    if (this.#counts === undefined) {
      this.#counts = none();
      this.#passLater();
    }
    this.#counts[what]++;
  }

  #pass(): void {
    const counts = this.#counts;
    if (counts === undefined) return;
    if (send(this.#socket, emitWorkerCounts(counts))) this.#counts = undefined;
    else this.#passLater();
  }

  #passLater(): void {
    this.#timer.at(this.#reactor.clock.now() + INTERVAL_MS);
  }
}
