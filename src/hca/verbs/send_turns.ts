/**
 * The sends of a port in a turn of the loop: posts what the turn has chained, frees what has completed, and lets the
 * completions wake the loop while slots or requests are missing.
 */

import type { VerbsSendMemory } from "./send_memory.ts";
import type { VerbsUdQp } from "./ud_qp.ts";

/** The members of a queue pair that {@linkcode SendTurns} uses. */
export type SendingQp = Pick<VerbsUdQp, "flush" | "collect" | "armSends">;

export class SendTurns {
  readonly #memory: VerbsSendMemory;
  readonly #qps: readonly SendingQp[];
  readonly #credit: () => void;
  /** True if the completion queues are armed. */
  #armed = false;

  /** @param credit called each time slots are free again after there were none */
  constructor(
    memory: VerbsSendMemory,
    qps: readonly SendingQp[],
    credit: () => void,
  ) {
    this.#memory = memory;
    this.#qps = qps;
    this.#credit = credit;
    memory.collect = () => this.#collect();
  }

  /** A completion event was received: the completion queues are not armed any more. */
  onEvent(): void {
    this.#armed = false;
  }

  /** Posts the chains. */
  post(): void {
    for (let i = 0; i < this.#qps.length; i++) this.#qps[i]!.flush();
  }

  /** Ends the turn. */
  flush(): void {
    const memory = this.#memory;
    this.post();
    this.#collectAndPost();
    memory.supply();
    if ((memory.starved || memory.waiting > 0) && !this.#armed) this.#arm();
    if (!memory.starved || !memory.ready) return;
    memory.starved = false;
    this.#credit();
  }

  #collect(): void {
    for (let i = 0; i < this.#qps.length; i++) this.#qps[i]!.collect();
  }

  /** Frees completed requests, and posts packets that have waited for them. */
  #collectAndPost(): void {
    this.#collect();
    if (this.#memory.waiting > 0) this.post();
  }

  /**
   * Requests events for send completions. Those from before the request raise no event, so they are collected once
   * more.
   */
  #arm(): void {
    this.#armed = true;
    for (let i = 0; i < this.#qps.length; i++) this.#qps[i]!.armSends();
    this.#collectAndPost();
    this.#memory.supply();
  }
}
