/** The RC queue pairs of a UD queue pair by QPN, and those with a chain to post or with a failure to report. */

import type { VerbsRcQp } from "./rc_qp.ts";
import type { ConnectedReceivers } from "./receive_queue.ts";

/** See the comment at the top of this file. */
export class RcTable implements ConnectedReceivers {
  readonly #byQpn = new Map<number, VerbsRcQp>();
  /** The queue pair of the last message: successive messages are often of the same one. */
  #last: VerbsRcQp | undefined;
  readonly #chained: VerbsRcQp[] = [];
  readonly #failed: VerbsRcQp[] = [];

  /** The queue pairs, with those that are closed but not destroyed yet. */
  get all(): Iterable<VerbsRcQp> {
    return this.#byQpn.values();
  }

  get size(): number {
    return this.#byQpn.size;
  }

  /** True if there is a failure to report. */
  get failed(): boolean {
    return this.#failed.length > 0;
  }

  add(qp: VerbsRcQp): void {
    this.#byQpn.set(qp.qpn, qp);
  }

  remove(qp: VerbsRcQp): void {
    this.#byQpn.delete(qp.qpn);
    if (this.#last === qp) this.#last = undefined;
  }

  received(qpn: number): VerbsRcQp | undefined {
    const last = this.#last;
    const qp = last?.qpn === qpn ? last : this.#byQpn.get(qpn);
    if (qp === undefined || qp.closed) return undefined;
    this.#last = qp;
    qp.received++;
    return qp;
  }

  receiveFailed(qpn: number): void {
    this.#byQpn.get(qpn)?.fail();
  }

  addChained(qp: VerbsRcQp): void {
    this.#chained.push(qp);
  }

  addFailed(qp: VerbsRcQp): void {
    this.#failed.push(qp);
  }

  /** Posts the chains. */
  flush(): void {
    for (let i = 0; i < this.#chained.length; i++) this.#chained[i]!.flush();
    this.#chained.length = 0;
  }

  reportFailures(): void {
    for (const qp of this.#failed.splice(0)) qp.reportFailure();
  }
}
