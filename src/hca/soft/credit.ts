/**
 * The credit of one send memory: collects returned slots, tracks links with waiting packets, and decides when the pool
 * hands out slots again.
 *
 * The rules of a single link are in out_link.ts. While packets wait on any link, the pool hands out slots to urgent
 * packets only.
 */

import { Listeners } from "../../base/listeners.ts";
import type { Pending, PendingList } from "../../base/pending_list.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { PostResult } from "../post_result.ts";
import type { OutLink } from "./out_link.ts";
import type { OutgoingLinks } from "./outgoing_links.ts";
import type { PortCounters } from "./port_counters.ts";
import type { SlotPool } from "./slot_pool.ts";

/** Credit control over all links of one send memory. */
export class Credit implements Pending {
  /** True while the memory is in the list of those that may need slots. */
  dirty = false;
  readonly #needy: PendingList<Credit>;
  readonly #listeners: Listeners<[]>;
  readonly #reactor: Reactor;
  readonly #pool: SlotPool;
  readonly #links: OutgoingLinks;
  readonly #counted: PortCounters;
  readonly #stallTimer: Timer;
  /** True while the links' wake requests for returned slots are set. */
  #announced = false;

  /**
   * @param listeners called when slots are free again after the pool was starved
   * @param needy list of the memories that may need slots, whose owner calls {@linkcode give}
   */
  constructor(
    reactor: Reactor,
    pool: SlotPool,
    links: OutgoingLinks,
    counted: PortCounters,
    listeners: Listeners<[]>,
    needy: PendingList<Credit>,
  ) {
    this.#needy = needy;
    this.#listeners = listeners;
    this.#reactor = reactor;
    this.#pool = pool;
    this.#links = links;
    this.#counted = counted;
    this.#stallTimer = reactor.timer((now) => this.#checkStalls(now));
    pool.collect = () => this.collect();
    pool.needed = () => needy.add(this);
  }

  /** True while the pool is starved or packets wait for credit. */
  get needsSlots(): boolean {
    return this.#pool.starved || this.#pool.held;
  }

  /**
   * Sends a slot on a link, or queues it until the peer has credit (`Sent` in both cases). The caller keeps the slot if
   * the result is `NoCredit` or `Unreachable`.
   */
  push(link: OutLink, slot: number, length: number): PostResult {
    if (link.hasCredit) {
      link.push(slot, length);
      return PostResult.Sent;
    }
    if ((link.waiting > 0 || link.stalled) && link.returns === 0) {
      // The link's state is unchanged, so `wait` does not use the time, and reading the time allocates memory.
      return link.wait(slot, length, 0);
    }
    const now = this.#reactor.clock.now();
    if (!link.collect(now)) this.#break(link);
    if (!link.open) return PostResult.Unreachable;
    if (link.hasCredit) {
      link.push(slot, length);
      return PostResult.Sent;
    }
    const result = link.wait(slot, length, now);
    if (result === PostResult.Sent) {
      this.#pool.held = true;
      this.#scheduleStallCheck();
    }
    return result;
  }

  /** Collects the slots that peers have returned; ends links with an invalid return ring. */
  collect(): void {
    const now = this.#reactor.clock.now();
    const { all } = this.#links;
    for (let i = all.length - 1; i >= 0; i--) {
      const link = all[i]!;
      if (link.held > 0 && !link.collect(now)) this.#break(link);
    }
    this.#updateHeld();
  }

  /**
   * Collects returned slots if the pool is starved or packets wait for credit. If slots are free again, lends them to
   * the kernel and calls the listeners.
   */
  give(): void {
    if (!this.needsSlots) return;
    const pool = this.#pool;
    this.collect();
    if (!pool.starved || pool.held || !pool.ready) return;
    pool.starved = false;
    pool.post();
    this.#listeners.call();
  }

  /** Updates the credit after a link has ended. */
  linkClosed(): void {
    this.#updateHeld();
    this.give();
  }

  /**
   * Requests wake-ups for returned slots before a sleep, and wakes sleeping peers, which may hold unpublished returns.
   * Called only if slots are needed. Returns true if slots were returned in the meantime, so that the port must not
   * sleep.
   */
  announce(): boolean {
    this.#announced = true;
    const { all } = this.#links;
    let busy = false;
    for (let i = 0; i < all.length; i++) {
      const link = all[i]!;
      link.ring.announceWait(true);
      if (link.returns !== 0) busy = true;
      else if (link.held > 0) link.wake();
    }
    return busy;
  }

  /** Clears the requests of {@linkcode announce} after a sleep. */
  retract(): void {
    const { all } = this.#links;
    for (let i = 0; this.#announced && i < all.length; i++) {
      all[i]!.ring.announceWait(false);
    }
    this.#announced = false;
  }

  close(): void {
    this.#needy.remove(this);
    this.#stallTimer.close();
  }

  #break(link: OutLink): void {
    this.#counted.add("ring_violations");
    this.#links.close(link);
  }

  #updateHeld(): void {
    const { all } = this.#links;
    let held = false;
    for (let i = 0; i < all.length; i++) {
      if (all[i]!.waiting > 0) held = true;
    }
    this.#pool.held = held;
    if (held) this.#scheduleStallCheck();
  }

  #scheduleStallCheck(): void {
    const { all } = this.#links;
    let first = Infinity;
    for (let i = 0; i < all.length; i++) {
      const { deadline } = all[i]!;
      if (deadline < first) first = deadline;
    }
    this.#stallTimer.at(first);
  }

  #checkStalls(now: number): void {
    // Collects first: this process itself may have been descheduled past the deadline.
    this.collect();
    for (const link of this.#links.all) {
      if (link.deadline <= now) {
        this.#counted.add("xmit_no_credit", link.stall());
      }
    }
    this.#updateHeld();
    this.#scheduleStallCheck();
    this.give();
  }
}
