/**
 * Maximum numbers of neighbours, peers and paths of an interface.
 *
 * The limit on neighbours is the kernel's for both families together (`gc_thresh3` of IPv4 and of IPv6), plus the number
 * of PERMANENT entries, which the kernel does not count either. A smaller table would lack neighbours that the kernel
 * has; a larger one would be filled by addresses that the kernel does not have, such as those of packet sockets. The
 * kernel's other limits (`gc_thresh1`, `gc_thresh2`) determine when it removes unused entries itself, and the neighbour
 * table follows these removals.
 *
 * The kernel does not report changes of its limits. They are read again when an entry is added to a table, at most once
 * in LIMIT_INTERVAL_MS, and once in FULL_LIMIT_INTERVAL_MS while a table is full.
 */

import type { Clock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";
import type { KernelNeighbours } from "../netdev/net_config.ts";
import {
  DEFAULT_MAX_NEIGHBOURS,
  FULL_LIMIT_INTERVAL_MS,
  LIMIT_INTERVAL_MS,
  MAX_NEIGHBOURS,
  MIN_MAX_NEIGHBOURS,
  SPARE_PEERS,
} from "./constants.ts";

export class TableLimits {
  readonly #clock: Clock;
  readonly #kernel: Pick<KernelNeighbours, "limit">;
  readonly #permanent: () => number;
  #counted = 0;
  #readAt: Millis = 0;

  /** @param permanent returns the number of PERMANENT entries in the kernel's table */
  constructor(
    clock: Clock,
    kernel: Pick<KernelNeighbours, "limit">,
    permanent: () => number,
  ) {
    this.#clock = clock;
    this.#kernel = kernel;
    this.#permanent = permanent;
    this.#read(clock.now());
  }

  /** Maximum number of neighbours. */
  get neighbours(): number {
    return Math.min(this.#counted + this.#permanent(), MAX_NEIGHBOURS);
  }

  /** Maximum number of peers: one for each neighbour, and others that are sent only address resolution replies. */
  get peers(): number {
    return this.neighbours + SPARE_PEERS;
  }

  /** Maximum number of paths: one for each peer. */
  get paths(): number {
    return this.peers;
  }

  /** Returns the current limit on the table `which`, which has `size` entries and is about to get another one. */
  forNew(which: "neighbours" | "peers" | "paths", size: number): number {
    const age = this.#clock.now() - this.#readAt;
    const interval = size >= this[which]
      ? FULL_LIMIT_INTERVAL_MS
      : LIMIT_INTERVAL_MS;
    if (age >= interval) this.#read(this.#clock.now());
    return this[which];
  }

  #read(now: Millis): void {
    this.#readAt = now;
    const limit = this.#kernel.limit() ?? DEFAULT_MAX_NEIGHBOURS;
    this.#counted = Math.max(limit, MIN_MAX_NEIGHBOURS);
  }
}
