/**
 * Publication of returned slots to their owners: immediately, or, if the reactor submits writes with its next wait,
 * after that wait, because the writes read the slots.
 */

import type { Reactor } from "../../system/reactor.ts";
import type { InLink } from "./in_link.ts";
import { PendingList } from "../../base/pending_list.ts";

/** The unpublished returns of one port. */
export class Returns {
  /** True while returned slots stay unpublished until the reactor's next wait is over. */
  pending = false;
  /** Links with unpublished returns. */
  readonly links = new PendingList<InLink>();
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  /** Number of unpublished returns. */
  get count(): number {
    const { links } = this;
    let count = 0;
    for (let i = 0; i < links.count; i++) count += links.at(i).ring.unpublished;
    return count;
  }

  /** True if a peer with unpublished returns waits for slots, or must learn of a refused message. */
  get wanted(): boolean {
    const { links } = this;
    for (let i = 0; i < links.count; i++) {
      const link = links.at(i);
      if (link.refusing || link.ring.senderWaits) return true;
    }
    return false;
  }

  /** Publishes all returns once the writes out of their slots are submitted. */
  publish(): void {
    if (this.#reactor.writesLater) this.pending = true;
    else this.flush();
  }

  /** Publishes all returns now. */
  flush(): void {
    this.pending = false;
    const { links } = this;
    while (links.count > 0) links.take().publishReturns();
  }
}
