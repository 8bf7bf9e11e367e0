/**
 * The sends of a port in a turn of the loop: posts what the turn has chained, frees what has completed, and lets the
 * completions wake the loop while slots or requests are missing.
 */

import type { Pending, PendingList } from "../../base/pending_list.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import type { VerbsUdQp } from "./ud_qp.ts";

/** The members of a queue pair that {@linkcode SendTurns} uses. */
export type SendingQp =
  & Pick<VerbsUdQp, "flush" | "collect" | "armSends">
  & Pending;

export class SendTurns {
  readonly #memory: VerbsSendMemory;
  readonly #qps: PendingList<SendingQp>;
  readonly #credit: () => void;

  /**
   * @param qps the queue pairs with packets to post, or with requests that have not completed
   * @param credit called each time slots are free again after there were none
   */
  constructor(
    memory: VerbsSendMemory,
    qps: PendingList<SendingQp>,
    credit: () => void,
  ) {
    this.#memory = memory;
    this.#qps = qps;
    this.#credit = credit;
    memory.collect = () => this.#collect();
  }

  /** Posts the chains. */
  post(): void {
    for (let i = 0; i < this.#qps.count; i++) this.#qps.at(i).flush();
  }

  /** Ends the turn. */
  flush(): void {
    const memory = this.#memory;
    this.post();
    this.#collectAndPost();
    memory.supply();
    if (memory.starved || memory.waiting > 0) this.#arm();
    if (!memory.starved || !memory.ready) return;
    memory.starved = false;
    this.#credit();
  }

  #collect(): void {
    for (let i = 0; i < this.#qps.count; i++) this.#qps.at(i).collect();
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
    let armed = false;
    for (let i = 0; i < this.#qps.count; i++) {
      if (this.#qps.at(i).armSends()) armed = true;
    }
    if (!armed) return;
    this.#collectAndPost();
    this.#memory.supply();
  }
}
