/**
 * The completions of the sends of a UD queue pair and of its connections, which share one completion queue.
 *
 * The low word of the ID of a work request is its number, the high word is the tag of its send queue: an index, and a
 * number that changes each time the index is used again. A completion that is left from a closed queue is ignored.
 */

import { IbvWc } from "../../../ffi/verbs_layout.ts";
import type { Completions } from "./completion_queue.ts";
import type { SendQueue } from "./send_queue.ts";

const INDEX_BITS = 16;
const INDEX_MASK = (1 << INDEX_BITS) - 1;
/** The numbers before an index's first tag repeats: 15 bits, so that a tag is not negative. */
const GENERATIONS = 1 << 15;

/** The send queues of one completion queue. */
export class SendCompletions {
  /** Number of requests of all queues that have not completed. */
  outstanding = 0;
  readonly #cq: Completions;
  /** The queues by index, and the number of the next queue at each index. */
  readonly #queues: (SendQueue | undefined)[] = [];
  readonly #generations: number[] = [];

  constructor(cq: Completions) {
    this.#cq = cq;
  }

  /** Adds a queue and returns its tag. The first queue's is 0. */
  add(queue: SendQueue): number {
    const free = this.#queues.indexOf(undefined);
    const index = free < 0 ? this.#queues.length : free;
    const generation = this.#generations[index] ?? 0;
    this.#queues[index] = queue;
    this.#generations[index] = (generation + 1) % GENERATIONS;
    return generation << INDEX_BITS | index;
  }

  remove(queue: SendQueue): void {
    this.#queues[queue.tag & INDEX_MASK] = undefined;
  }

  /** Polls the completions, and passes each to its queue. */
  poll(): void {
    if (this.outstanding > 0) this.drain();
  }

  /** As {@linkcode poll}, even if no queue waits for a completion: those of closed queues are removed. */
  drain(): void {
    const { view } = this.#cq;
    for (let n = this.#cq.poll(); n > 0; n = this.#cq.poll()) {
      for (let i = 0; i < n; i++) {
        const at = i * IbvWc.Size;
        const tag = view.getInt32(at + IbvWc.WrId + 4, true);
        const queue = this.#queues[tag & INDEX_MASK];
        if (queue === undefined || queue.tag !== tag) continue;
        queue.complete(
          view.getInt32(at + IbvWc.WrId, true),
          view.getInt32(at + IbvWc.Status, true),
        );
      }
    }
  }
}
