/**
 * The events of a completion channel, which all completion queues of a port share. An event of a queue pair's receives
 * starts a turn of receiving on that one alone, so that an event costs the same beside many idle queue pairs.
 */

import { Count, type VerbsCounters } from "./counters.ts";
import type { VerbsDevice } from "./device.ts";
import type { VerbsUdQp } from "./ud_qp.ts";

/** The members of the port that {@linkcode CompletionEvents} uses. */
export interface EventPort {
  readonly device: {
    readonly library: Pick<
      VerbsDevice["library"],
      "ibv_get_cq_event" | "ibv_ack_cq_events"
    >;
  };
  /** `struct ibv_comp_channel *`. Its descriptor must be non-blocking. */
  readonly channel: bigint;
  readonly counted: VerbsCounters;
}

/** The members of a queue pair that {@linkcode CompletionEvents} uses. */
export type CompletingQp = Pick<VerbsUdQp, "onCompletion" | "receive">;

export class CompletionEvents {
  readonly #port: EventPort;
  readonly #qps: ReadonlyMap<bigint, CompletingQp>;
  /** `struct ibv_cq *` of an event. */
  readonly #cq = new BigUint64Array(1);
  readonly #cqBytes = new Uint8Array(this.#cq.buffer);
  readonly #context = new Uint8Array(new ArrayBuffer(8));
  readonly #receiving: CompletingQp[] = [];

  /** @param qps the UD queue pairs by the `struct ibv_cq *` of each of their completion queues */
  constructor(port: EventPort, qps: ReadonlyMap<bigint, CompletingQp>) {
    this.#port = port;
    this.#qps = qps;
  }

  /** Takes all events, then starts the turns of receiving. */
  take(): void {
    const { device: { library }, channel, counted } = this.#port;
    const receiving = this.#receiving;
    while (
      library.ibv_get_cq_event(channel, this.#cqBytes, this.#context) === 0
    ) {
      counted.values[Count.CqEvents]!++;
      const cq = this.#cq[0]!;
      library.ibv_ack_cq_events(cq, 1);
      const qp = this.#qps.get(cq);
      if (qp?.onCompletion(cq)) receiving.push(qp);
    }
    for (let i = 0; i < receiving.length; i++) receiving[i]!.receive();
    receiving.length = 0;
  }
}
