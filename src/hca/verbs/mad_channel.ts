/** The port's end of the way to libibumad: see user_mad.ts for the messages, and umad_port.ts for the other end. */

import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
import type { Reactor, Watch } from "../../system/reactor.ts";
import { receive, send } from "../../system/unix_socket.ts";
import { type MadAddress, MgmtClass } from "../../wire/mad.ts";
import { SA_CLASS_VERSION } from "../../wire/sa/sa_mad.ts";
import type { MadAgent } from "../hca.ts";
import { MadAgents } from "../mad_agents.ts";
import type { VerbsCounters } from "./counters.ts";
import { emitUserMad, parseUserMad } from "./user_mad.ts";

/** The management class that libibumad is registered for, and so the one that an agent of a port may have. */
export const UMAD_CLASS = {
  mgmtClass: MgmtClass.SubnAdm,
  version: SA_CLASS_VERSION,
} as const;

export class SocketMadChannel {
  readonly #agents = new MadAgents(
    (mad, to) => this.#send(mad, to),
    () => this.#counted.add("mads_no_agent"),
  );
  readonly #socket: Fd;
  readonly #watch: Watch;
  readonly #counted: VerbsCounters;

  /** @param socket one end of a SOCK_SEQPACKET pair; from now on this object's */
  constructor(reactor: Reactor, socket: number, counted: VerbsCounters) {
    this.#socket = new Fd(socket);
    this.#counted = counted;
    this.#watch = reactor.watch(socket, () => this.#take());
  }

  /** Throws `E_MAD_CLASS`, see {@linkcode HcaPort.openMadAgent}. */
  openAgent(mgmtClass: number): MadAgent {
    if (mgmtClass !== UMAD_CLASS.mgmtClass) {
      throw new IpoibError(
        "E_MAD_CLASS",
        `Management class ${mgmtClass} is not one that libibumad is registered for`,
        { errno: Errno.EOPNOTSUPP },
      );
    }
    return this.#agents.open(mgmtClass);
  }

  #send(mad: Uint8Array, to: MadAddress): void {
    const sent = send(this.#socket.number, emitUserMad(mad, to));
    this.#counted.add(sent ? "mads_sent" : "mads_lost");
  }

  close(): void {
    this.#watch.close();
    this.#socket.close();
  }

  #take(): void {
    for (;;) {
      const message = receive(this.#socket.number);
      if (message.type === "closed") this.#watch.enable(false);
      if (message.type !== "message") return;
      const received = parseUserMad(message.bytes);
      if (!received) continue;
      this.#counted.add("mads_received");
      this.#agents.deliver(received.mad, received.address);
    }
  }
}
