import { PendingList } from "../../base/pending_list.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import { type CountedSends, PostedSends } from "./posted_sends.ts";
import type { VerbsUdQp } from "./ud_qp.ts";

/** The UD queue pairs of a port. */
export class PortQueuePairs {
  readonly all = new Set<VerbsUdQp>();
  /** By the `struct ibv_cq *` of each of their completion queues. */
  readonly byCq = new Map<bigint, VerbsUdQp>();
  /** Those with work. Only these are visited in a turn, so that idle ones cost nothing. */
  readonly active = new PendingList<VerbsUdQp>();

  /** Adds an open queue pair, which has no work yet. */
  add(qp: VerbsUdQp, cqs: readonly Pick<CompletionQueue, "handle">[]): void {
    this.all.add(qp);
    for (const { handle } of cqs) this.byCq.set(handle, qp);
  }

  /** The sends that are posted: only active queue pairs have any. */
  postedSends(): PostedSends {
    const sends: CountedSends[] = [];
    for (let i = 0; i < this.active.count; i++) {
      sends.push(this.active.at(i).sends);
    }
    return new PostedSends(sends);
  }

  /** Removes a queue pair that is closed. */
  remove(qp: VerbsUdQp, cqs: readonly Pick<CompletionQueue, "handle">[]): void {
    this.all.delete(qp);
    for (const { handle } of cqs) this.byCq.delete(handle);
    this.active.remove(qp);
  }
}
