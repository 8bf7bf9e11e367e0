/** The RC queue pairs of a UD queue pair by QPN, and those with packets to post or with a failure to report. */

import type { VerbsRcQp } from "./rc_qp.ts";
import type { ConnectedReceivers } from "./receive_queue.ts";

/** See the comment at the top of this file. */
export class RcTable implements ConnectedReceivers {
  readonly #byQpn = new Map<number, VerbsRcQp>();
  /** The queue pair of the last message: successive messages are often of the same one. */
  #last: VerbsRcQp | undefined;
  readonly #unposted: VerbsRcQp[] = [];
  readonly #failed: VerbsRcQp[] = [];
  readonly #onWork: () => void;

  /** @param onWork called when a queue pair has packets to post or a failure to report, and when one is removed */
  constructor(onWork: () => void) {
    this.#onWork = onWork;
  }

  /** The queue pairs, with those that are closed but not destroyed yet. */
  get all(): Iterable<VerbsRcQp> {
    return this.#byQpn.values();
  }

  get size(): number {
    return this.#byQpn.size;
  }

  /** True if a queue pair has packets to post. */
  get unposted(): boolean {
    return this.#unposted.length > 0;
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
    this.#onWork();
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

  /** Adds a queue pair with packets to post; no effect if it is in the list. */
  addUnposted(qp: VerbsRcQp): void {
    if (qp.unposted) return;
    qp.unposted = true;
    this.#unposted.push(qp);
    this.#onWork();
  }

  addFailed(qp: VerbsRcQp): void {
    this.#failed.push(qp);
    this.#onWork();
  }

  /** Posts the packets for which there are requests. The queue pairs of the others stay in the list. */
  flush(): void {
    const unposted = this.#unposted;
    let kept = 0;
    for (let i = 0; i < unposted.length; i++) {
      const qp = unposted[i]!;
      qp.unposted = qp.flush();
      if (qp.unposted) unposted[kept++] = qp;
    }
    unposted.length = kept;
  }

  reportFailures(): void {
    for (const qp of this.#failed.splice(0)) qp.reportFailure();
  }
}
