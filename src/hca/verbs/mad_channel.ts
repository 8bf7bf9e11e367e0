/**
 * The port's end of the socket to its libibumad worker (umad_port.ts). The messages to the worker are in the format of
 * user_mad.ts; those from it too, or in those of send_report.ts and worker_counts.ts.
 */

import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
import type { Reactor, Watch } from "../../system/reactor.ts";
import { receive, send } from "../../system/unix_socket.ts";
import type { MadAddress } from "../../wire/mad.ts";
import type { MadAgent } from "../hca.ts";
import { MadAgents } from "../mad_agents.ts";
import type { ObservedMad } from "../observed.ts";
import type { VerbsCounters } from "./counters.ts";
import { parseSendReport, type SendReport } from "./send_report.ts";
import { CM_CLASS, SA_CLASS } from "./umad_classes.ts";
import { emitUserMad, parseUserMad } from "./user_mad.ts";
import { parseWorkerCounts, type WorkerCounts } from "./worker_counts.ts";

/** The MAD agents of a port on InfiniBand, which outlive the worker: while there is none, MADs are lost. */
export class SocketMadChannel {
  /** Set by the creator; called when the worker has ended the connection, because the device is lost. */
  onEnded: () => void = () => {};
  readonly #agents = new MadAgents(
    (mad, to) => this.#send(mad, to),
    () => this.#counted.add("mads_no_agent"),
  );
  readonly #reactor: Reactor;
  #socket: Fd | undefined;
  #watch: Watch | undefined;
  readonly #counted: VerbsCounters;
  readonly #connections: true | string;

  /**
   * @param socket one end of a SOCK_SEQPACKET pair, which the channel owns from now on
   * @param connections true if the worker has registered for connection management; otherwise the reason why not
   */
  constructor(
    reactor: Reactor,
    socket: number,
    connections: true | string,
    counted: VerbsCounters,
  ) {
    this.#reactor = reactor;
    this.#connections = connections;
    this.#counted = counted;
    this.attach(socket);
  }

  /** Connects another worker, after {@linkcode close}. The channel owns the socket from now on. */
  attach(socket: number): void {
    this.#socket = new Fd(socket);
    this.#watch = this.#reactor.watch(socket, () => this.#receive());
  }

  /**
   * Opens an agent (`HcaPort.openMadAgent`). Throws `E_MAD_CLASS`: with EOPNOTSUPP for a class for which the worker has
   * not registered.
   */
  openAgent(mgmtClass: number): MadAgent {
    const missing = this.#missing(mgmtClass);
    if (missing !== undefined) {
      throw new IpoibError(
        "E_MAD_CLASS",
        `libibumad is not registered for management class ${mgmtClass}${missing}`,
        { errno: Errno.EOPNOTSUPP },
      );
    }
    return this.#agents.open(mgmtClass);
  }

  /** Returns undefined if the worker has registered for the class, otherwise the end of a sentence. */
  #missing(mgmtClass: number): string | undefined {
    if (mgmtClass === SA_CLASS.mgmtClass) return undefined;
    if (mgmtClass !== CM_CLASS.mgmtClass) return "";
    return this.#connections === true ? undefined : `: ${this.#connections}`;
  }

  /** See `HcaPort.observeMads`. */
  observe(listener: (mad: ObservedMad) => void): () => void {
    return this.#agents.observe(listener);
  }

  #send(mad: Uint8Array, to: MadAddress): void {
    const socket = this.#socket;
    const passed = socket && send(socket.number, emitUserMad(mad, to));
    if (!passed) this.#counted.add("mads_lost");
  }

  /** Ends the connection to the worker. */
  close(): void {
    this.#watch?.close();
    this.#socket?.close();
    this.#socket = undefined;
  }

  #receive(): void {
    while (this.#socket) {
      const message = receive(this.#socket.number);
      if (message.type === "closed") {
        this.#watch?.enable(false);
        this.onEnded();
      }
      if (message.type !== "message") return;
      const report = parseSendReport(message.bytes);
      if (report) {
        this.#onReport(report);
        continue;
      }
      const counts = parseWorkerCounts(message.bytes);
      if (counts) {
        this.#onCounts(counts);
        continue;
      }
      const received = parseUserMad(message.bytes);
      if (!received) continue;
      this.#counted.add("mads_received");
      this.#agents.deliver(received.mad, received.address);
    }
  }

  #onCounts({ sent, refused, dropped }: WorkerCounts): void {
    this.#counted.add("mads_sent", sent);
    this.#counted.add("mads_send_failed", refused);
    this.#counted.add("mads_dropped", dropped);
  }

  #onReport({ transactionId, errno, mgmtClass }: SendReport): void {
    this.#counted.add(errno === 0 ? "mads_sent" : "mads_send_failed");
    if (errno === 0) return;
    this.#agents.sendFailed(mgmtClass, transactionId, errno);
  }
}
