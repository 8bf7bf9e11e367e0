/** The agents of a port, by management class: which of them a MAD that arrived is for. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { MAD_LENGTH, type MadAddress, MadView } from "../wire/mad.ts";
import type { MadAgent } from "./hca.ts";

export class MadAgents {
  readonly #agents = new Map<number, Agent>();
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #onUnclaimed: () => void;

  /**
   * @param send sends a copy of a MAD
   * @param onUnclaimed called for each MAD of a class that has no agent
   */
  constructor(
    send: (mad: Uint8Array, to: MadAddress) => void,
    onUnclaimed: () => void,
  ) {
    this.#send = send;
    this.#onUnclaimed = onUnclaimed;
  }

  /** Throws `E_MAD_CLASS` (EBUSY) if the class has an agent. */
  open(mgmtClass: number): MadAgent {
    if (this.#agents.has(mgmtClass)) {
      throw new IpoibError(
        "E_MAD_CLASS",
        `Management class ${mgmtClass} has an agent already`,
        { errno: Errno.EBUSY },
      );
    }
    const agent = new Agent(this.#send, () => this.#agents.delete(mgmtClass));
    this.#agents.set(mgmtClass, agent);
    return agent;
  }

  /** Hands a MAD that arrived to the agent of its class. */
  deliver(mad: Uint8Array, from: MadAddress): void {
    const agent = mad.length === MAD_LENGTH
      ? this.#agents.get(MadView.of(mad).mgmtClass)
      : undefined;
    if (agent) agent.onMad(mad, from);
    else this.#onUnclaimed();
  }
}

class Agent implements MadAgent {
  onMad: (mad: Uint8Array, from: MadAddress) => void = () => {};
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #forget: () => void;
  #closed = false;

  constructor(
    send: (mad: Uint8Array, to: MadAddress) => void,
    forget: () => void,
  ) {
    this.#send = send;
    this.#forget = forget;
  }

  send(mad: Uint8Array, to: MadAddress): void {
    if (!this.#closed) this.#send(mad, to);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
  }
}
