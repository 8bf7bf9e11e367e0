/** The MAD agents of a port: at most one for each management class, which receives the MADs of that class. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { MAD_LENGTH, type MadAddress, MadView } from "../wire/mad.ts";
import { Listeners } from "../base/listeners.ts";
import type { MadAgent } from "./hca.ts";
import type { ObservedMad } from "./observed.ts";

/** The MAD agents of a port, by management class. */
export class MadAgents {
  readonly #agents = new Map<number, Agent>();
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #onUnclaimed: () => void;
  readonly #observers = new Listeners<[ObservedMad]>();

  /**
   * @param send sends a copy of the MAD
   * @param onUnclaimed called for each received MAD that has the wrong length or a class without an agent
   */
  constructor(
    send: (mad: Uint8Array, to: MadAddress) => void,
    onUnclaimed: () => void,
  ) {
    this.#send = (mad, address) => {
      this.#publish({ direction: "sent", mad, address });
      send(mad, address);
    };
    this.#onUnclaimed = onUnclaimed;
  }

  /** Adds a listener and returns the function that removes it (`HcaPort.observeMads`). */
  observe(listener: (mad: ObservedMad) => void): () => void {
    return this.#observers.add(listener);
  }

  #publish(mad: ObservedMad): void {
    if (this.#observers.count > 0) this.#observers.call(mad);
  }

  /** Opens the agent of a class. Throws `E_MAD_CLASS` (EBUSY) if the class already has one. */
  open(mgmtClass: number): MadAgent {
    if (this.#agents.has(mgmtClass)) {
      throw new IpoibError(
        "E_MAD_CLASS",
        `Management class ${mgmtClass} already has an agent`,
        { errno: Errno.EBUSY },
      );
    }
    const agent = new Agent(this.#send, () => this.#agents.delete(mgmtClass));
    this.#agents.set(mgmtClass, agent);
    return agent;
  }

  /** Delivers a received MAD to the agent of its class. */
  deliver(mad: Uint8Array, from: MadAddress): void {
    this.#publish({ direction: "received", mad, address: from });
    const agent = mad.length === MAD_LENGTH
      ? this.#agents.get(MadView.of(mad).mgmtClass)
      : undefined;
    if (agent) agent.onMad(mad, from);
    else this.#onUnclaimed();
  }

  /** Passes the failure to send a MAD to the agent of its class: see {@linkcode MadAgent.onSendFailed}. */
  sendFailed(mgmtClass: number, transactionId: number, errno: number): void {
    this.#agents.get(mgmtClass)?.onSendFailed(transactionId, errno);
  }
}

/** The agent of one class. A closed agent sends nothing. */
class Agent implements MadAgent {
  onMad: (mad: Uint8Array, from: MadAddress) => void = () => {};
  onSendFailed: (transactionId: number, errno: number) => void = () => {};
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #onClose: () => void;
  #closed = false;

  constructor(
    send: (mad: Uint8Array, to: MadAddress) => void,
    onClose: () => void,
  ) {
    this.#send = send;
    this.#onClose = onClose;
  }

  send(mad: Uint8Array, to: MadAddress): void {
    if (!this.#closed) this.#send(mad, to);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
  }
}
