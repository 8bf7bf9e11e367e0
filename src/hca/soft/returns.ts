/**
 * When the slots that were given back become visible to their owners: at once, or where what is written out of them goes with the
 * loop's next wait, after that wait.
 */

import type { Reactor } from "../../system/reactor.ts";
import type { LinkTable } from "./link_table.ts";

export class Returns {
  /** True while returned slots wait for the next turn. */
  pending = false;
  readonly #reactor: Reactor;
  readonly #links: LinkTable;

  constructor(reactor: Reactor, links: LinkTable) {
    this.#reactor = reactor;
    this.#links = links;
  }

  /** How many wait. */
  get count(): number {
    const { incoming } = this.#links;
    let count = 0;
    for (let i = 0; i < incoming.length; i++) {
      count += incoming[i]!.ring.unpublished;
    }
    return count;
  }

  /** Makes what was given back visible once what was written out of it has been taken. */
  publish(): void {
    if (this.#reactor.writesLater) this.pending = true;
    else this.flush();
  }

  /** Makes what was given back visible now. */
  flush(): void {
    this.pending = false;
    const { incoming } = this.#links;
    for (let i = 0; i < incoming.length; i++) {
      const link = incoming[i]!;
      if (link.dirty) link.publishReturns(this.#reactor);
    }
  }
}
