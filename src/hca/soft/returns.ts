/**
 * When the slots that were given back become visible to their owners: at once, or where what is written out of them goes with the
 * loop's next wait, after that wait.
 */

import type { Reactor } from "../../system/reactor.ts";
import type { InLink } from "./in_link.ts";
import { PendingList } from "./pending_list.ts";

export class Returns {
  /** True while returned slots wait for the next turn. */
  pending = false;
  /** Links with slots that were given back and are not visible. */
  readonly links = new PendingList<InLink>();
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  /** How many slots wait. */
  get count(): number {
    const { links } = this;
    let count = 0;
    for (let i = 0; i < links.count; i++) count += links.at(i).ring.unpublished;
    return count;
  }

  /** True if the owner of any of them waits for slots. */
  get wanted(): boolean {
    const { links } = this;
    for (let i = 0; i < links.count; i++) {
      if (links.at(i).ring.senderWaits) return true;
    }
    return false;
  }

  /** Makes what was given back visible once what was written out of it has been taken. */
  publish(): void {
    if (this.#reactor.writesLater) this.pending = true;
    else this.flush();
  }

  /** Makes what was given back visible now. */
  flush(): void {
    this.pending = false;
    const { links } = this;
    while (links.count > 0) links.take().publishReturns();
  }
}
