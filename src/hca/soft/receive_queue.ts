/** The receive side of a queue pair: which packets it accepts, and those that it accepted. */

import { pkeysMatch } from "../../base/units.ts";
import type { PortAttributes, QueuePairOptions } from "../hca.ts";
import { CompletionQueue } from "./completion_queue.ts";
import { Period } from "./moderation.ts";

function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, n)));
}

export class ReceiveQueue {
  readonly qpn: number;
  readonly completions: CompletionQueue;
  readonly period = new Period();
  /** The queue pair's. */
  onReceive: () => void = () => {};
  /** A signed word, so that it is always a small integer. */
  qkey = 0;
  readonly #port: { readonly attributes: Pick<PortAttributes, "pkeys"> };
  readonly #pkeyIndex: number;

  constructor(
    port: { readonly attributes: Pick<PortAttributes, "pkeys"> },
    qpn: number,
    { pkeyIndex, recvQueueSize }: QueuePairOptions,
  ) {
    this.#port = port;
    this.qpn = qpn;
    this.#pkeyIndex = pkeyIndex;
    this.completions = new CompletionQueue(powerOfTwo(recvQueueSize));
  }

  /** The P_Key that the queue pair's index has in the port's table now; 0 if none. */
  get pkey(): number {
    return this.#port.attributes.pkeys[this.#pkeyIndex] ?? 0;
  }

  /** True if a packet with this P_Key may arrive here (IBTA vol. 1 9.6.1.1.3). */
  acceptsPkey(pkey: number): boolean {
    return pkeysMatch(pkey, this.pkey);
  }

  /** @param qkey as a signed word */
  acceptsQkey(qkey: number): boolean {
    return qkey === this.qkey;
  }
}
