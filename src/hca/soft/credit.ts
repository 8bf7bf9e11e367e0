/**
 * The credit of one send memory: which slots came back, which peers are being waited for, and when slots are handed out again.
 *
 * The rules of one link are in out_link.ts; here they come together: while any link has packets that wait, the pool
 * hands out no slots but to urgent packets.
 */

import { Listeners } from "../../base/listeners.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { PostResult } from "../hca.ts";
import type { OutLink } from "./out_link.ts";
import type { OutgoingLinks } from "./outgoing_links.ts";
import type { PortCounters } from "./port_counters.ts";
import type { SlotPool } from "./slot_pool.ts";

export class Credit {
  readonly #listeners: Listeners<[]>;
  readonly #reactor: Reactor;
  readonly #pool: SlotPool;
  readonly #links: OutgoingLinks;
  readonly #counted: PortCounters;
  readonly #stallTimer: Timer;
  /** True while the peers were told that this port waits for slots. */
  #announced = false;

  /** @param listeners called once slots are free again after there were none */
  constructor(
    reactor: Reactor,
    pool: SlotPool,
    links: OutgoingLinks,
    counted: PortCounters,
    listeners: Listeners<[]>,
  ) {
    this.#listeners = listeners;
    this.#reactor = reactor;
    this.#pool = pool;
    this.#links = links;
    this.#counted = counted;
    this.#stallTimer = reactor.timer((now) => this.#checkStalls(now));
    pool.collect = () => this.collect();
  }

  /** Sends a slot on a link, keeps it until the peer has credit, or refuses it: then it stays the caller's. */
  push(link: OutLink, slot: number, length: number): PostResult {
    if (link.hasCredit) {
      link.push(slot, length);
      return PostResult.Sent;
    }
    if ((link.waiting > 0 || link.stalled) && link.returns === 0) {
      // Nothing has changed since the last one: no time is looked at, which would cost an allocation for each packet.
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

  /** Takes the slots that peers have returned. */
  collect(): void {
    const now = this.#reactor.clock.now();
    const { all } = this.#links;
    for (let i = all.length - 1; i >= 0; i--) {
      const link = all[i]!;
      if (link.held > 0 && !link.collect(now)) this.#break(link);
    }
    this.#updateHeld();
  }

  /** If packets or somebody wait for slots: takes what came back, and tells. */
  give(): void {
    const pool = this.#pool;
    if (!pool.starved && !pool.held) return;
    this.collect();
    if (!pool.starved || pool.held || !pool.ready) return;
    pool.starved = false;
    pool.post();
    this.#listeners.call();
  }

  /** A link has ended. */
  linkClosed(): void {
    this.#updateHeld();
    this.give();
  }

  /** Before a sleep: asks the peers to ring for slots if they are needed; true if some came meanwhile. */
  announce(): boolean {
    this.#announced = this.#pool.starved || this.#pool.held;
    const { all } = this.#links;
    let busy = false;
    for (let i = 0; this.#announced && i < all.length; i++) {
      const link = all[i]!;
      link.ring.announceWait(true);
      if (link.returns !== 0) busy = true;
      else if (link.held > 0) link.wake();
    }
    return busy;
  }

  /** After a sleep: takes the announcement back. */
  retract(): void {
    const { all } = this.#links;
    for (let i = 0; this.#announced && i < all.length; i++) {
      all[i]!.ring.announceWait(false);
    }
    this.#announced = false;
  }

  close(): void {
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
    // What came back is taken first: it may be this process that was off its processor.
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
