/**
 * The sends that were posted before a point of time. To count each request as it completes would cost something for each
 * packet, so the end is found from the numbers that a send queue has, and may be later than the last completion: a
 * completion covers at least one request, so as many completions as there were requests cover all of them.
 */

import type { SendQueue } from "./send_queue.ts";

/** The members of a send queue that {@linkcode PostedSends} uses. */
export type CountedSends = Pick<SendQueue, "outstanding" | "completed">;

/** See the comment at the top of this file. */
export class PostedSends {
  readonly #queues: readonly { queue: CountedSends; until: number }[];

  /** @param queues those of the UD queue pairs; all their requests are posted */
  constructor(queues: readonly CountedSends[]) {
    this.#queues = queues.map((queue) => ({
      queue,
      until: queue.completed + queue.outstanding,
    }));
  }

  /** True if none of the sends is in the device any more. Those of a closed queue are not. */
  get ended(): boolean {
    return this.#queues.every(({ queue, until }) =>
      queue.outstanding === 0 || queue.completed >= until
    );
  }
}
