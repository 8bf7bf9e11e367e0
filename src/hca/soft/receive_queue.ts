/** The receive side of a queue pair: its acceptance checks and its completion queue. */

import type { Pending } from "../../base/pending_list.ts";
import { pkeysMatch, powerOfTwo } from "../../base/units.ts";
import type { PortAttributes } from "../port_attributes.ts";
import type { QueuePairOptions } from "../ud_qp.ts";
import { CompletionQueue } from "./completion_queue.ts";
import { Period } from "./moderation.ts";

/** The receive state of one queue pair. */
export class ReceiveQueue implements Pending {
  readonly qpn: number;
  readonly completions: CompletionQueue;
  readonly period = new Period();
  /** See {@linkcode Inbound.arrived}. */
  dirty = false;
  /** Called when there are packets to poll; set by the owner of the queue pair. */
  onReceive: () => void = () => {};
  /** Q_Key as a signed 32-bit integer, which the JavaScript engine stores without an allocation. */
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
    this.completions = new CompletionQueue(
      powerOfTwo(Math.max(2, recvQueueSize)),
    );
  }

  /** The P_Key at the queue pair's index of the port's current P_Key table; 0 if there is none. */
  get pkey(): number {
    return this.#port.attributes.pkeys[this.#pkeyIndex] ?? 0;
  }

  /** True if this P_Key matches the queue pair's (IBTA vol. 1 9.6.1.1.3). */
  acceptsPkey(pkey: number): boolean {
    return pkeysMatch(pkey, this.pkey);
  }

  /**
   * True if this Q_Key is the queue pair's.
   *
   * @param qkey as a signed 32-bit integer
   */
  acceptsQkey(qkey: number): boolean {
    return qkey === this.qkey;
  }
}
