/**
 * The neighbours for whose addresses packets wait, and the limit of that wait.
 *
 * The kernel reports that a resolution has failed, after 3 s by default, which ends the wait before the limit. It
 * reports nothing if its entry is PERMANENT, or if no resolution was requested because of the limits of kernel_sync.ts
 * and no further packet has tried again.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { MAX_WAIT_MS } from "../constants.ts";
import type { Neighbour } from "./neighbour.ts";

export class WaitingNeighbours {
  readonly #neighbours = new Set<Neighbour>();
  readonly #reactor: Pick<Reactor, "clock" | "timer">;
  readonly #timer: Timer;

  constructor(reactor: Pick<Reactor, "clock" | "timer">) {
    this.#reactor = reactor;
    this.#timer = reactor.timer((now) => this.#dropExpired(now));
  }

  /** Records that a packet waits for the neighbour from now on. */
  add(neighbour: Neighbour): void {
    const now = this.#reactor.clock.now();
    neighbour.waitedAt = now;
    if (this.#neighbours.size === 0) this.#timer.at(now + MAX_WAIT_MS);
    this.#neighbours.add(neighbour);
  }

  /** Forgets a neighbour whose packets were sent or dropped. */
  delete(neighbour: Neighbour): void {
    this.#neighbours.delete(neighbour);
  }

  close(): void {
    this.#timer.close();
  }

  /** Drops the packets of neighbours for which the last one has waited for MAX_WAIT_MS. */
  #dropExpired(now: Millis): void {
    let next = Infinity;
    for (const neighbour of this.#neighbours) {
      const due = neighbour.waitedAt + MAX_WAIT_MS;
      if (due > now) next = Math.min(next, due);
      else {
        neighbour.queue.drop("tx_neighbour_failed");
        this.#neighbours.delete(neighbour);
      }
    }
    this.#timer.at(next);
  }
}
