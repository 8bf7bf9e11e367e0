/**
 * The sending end of a link to one peer: sends descriptors and collects returned slots.
 *
 * **Share.** A peer may get another slot only while it holds fewer slots than are free. One stopped peer ends up with
 * half of the slots, two with a third each, so slots always remain for the other peers. (With a fixed half for each,
 * two stopped peers block all traffic.)
 *
 * **Credit.** A packet beyond the share waits here, and the port stops handing out slots. The network device's queue
 * then fills and the kernel throttles its senders, so that no packets are dropped between live peers. This pause is
 * charged to a budget of the peer, at most {@linkcode PAUSE_BUDGET_MS}, which refills by a quarter of the time between
 * pauses. A slow peer therefore cannot block the whole port: when its budget is spent, the waiting packets are dropped
 * and counted, and so is every packet beyond its share until it returns a slot.
 *
 * While the peer is the only one of the send memory, no other peer needs protection: the budget is
 * {@linkcode ALONE_PAUSE_MS}, and returned slots refill it.
 *
 * Measured with three and four processes, one or two of them stopped: with these rules the others keep 0.83 to 1.1 of
 * their throughput. Live peers on two busy cores were descheduled for less than 30 ms.
 */

import type { Millis } from "../../base/units.ts";
import type { Fd } from "../../system/fd.ts";
import type { Mapping } from "../../system/memory.ts";
import type { Watch } from "../../system/reactor.ts";
import { PostResult } from "../post_result.ts";
import type { LinkBell } from "./link_bell.ts";
import type { Pending, PendingList } from "../../base/pending_list.ts";
import type { RcSenders } from "./rc_senders.ts";
import { Nak, NAK_SHIFT, type RingSender } from "./ring.ts";
import type { SlotPool } from "./slot_pool.ts";

/** Maximum pause for one peer. */
export const PAUSE_BUDGET_MS = 20;
/** Maximum pause for the only peer, which may be descheduled that long on a loaded machine. */
export const ALONE_PAUSE_MS = 250;
/** Share of the time between pauses that refills the budget. */
const REFILL = 0.25;
/** Minimum budget for beginning a pause. */
const MIN_PAUSE_MS = 0.5;

/** The parts of a sending end. It owns the ring mapping and the bell. */
export interface OutLinkParts {
  readonly guid: string;
  readonly pool: SlotPool;
  readonly ring: RingSender;
  readonly ringMapping: Mapping;
  readonly connection: Fd;
  /** Owns the connection. */
  readonly bell: LinkBell;
  /** The port's links with descriptors to publish. */
  readonly written: PendingList<OutLink>;
  /** The connections whose messages the link carries. */
  readonly connections: RcSenders;
}

/** The sending end of one link. */
export class OutLink implements Pending {
  readonly guid: string;
  readonly pool: SlotPool;
  readonly ring: RingSender;
  readonly connection: Fd;
  readonly bell: LinkBell;
  /** False after the end of the link; address handles then look up a new one. */
  open = true;
  /** True while written descriptors are not published. */
  dirty = false;
  /** True from the end of the peer's budget until it returns a slot. */
  stalled = false;
  /** True after the peer has accepted the link. */
  accepted = false;
  watch: Watch | undefined;

  readonly #written: PendingList<OutLink>;
  readonly #ringMapping: Mapping;
  readonly #connections: RcSenders;
  /** 1 for each slot that the peer holds: it may return only those, and each only once. */
  readonly #holds: Uint8Array;
  #held = 0;
  #alone = false;
  /** Ring buffer of packets that wait for credit: slot and length of each. */
  readonly #waiting: Int32Array;
  #waitingFrom = 0;
  #waitingCount = 0;
  #budget = PAUSE_BUDGET_MS;
  /** Time of the last update of the budget; the beginning of the current pause while packets wait. */
  #budgetAt: Millis = 0;

  constructor(parts: OutLinkParts) {
    this.guid = parts.guid;
    this.pool = parts.pool;
    this.ring = parts.ring;
    this.connection = parts.connection;
    this.bell = parts.bell;
    this.#written = parts.written;
    this.#ringMapping = parts.ringMapping;
    this.#connections = parts.connections;
    this.#holds = new Uint8Array(parts.pool.slots);
    this.#waiting = new Int32Array(2 * parts.pool.slots);
  }

  /** Sets whether this is the only outgoing link of the send memory. */
  setAlone(alone: boolean): void {
    this.#alone = alone;
    if (!alone) this.#budget = Math.min(this.#budget, PAUSE_BUDGET_MS);
  }

  /** Number of slots that the peer holds. */
  get held(): number {
    return this.#held;
  }

  /** Number of packets that wait for credit. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /** Number of returned slots not collected yet; negative if the peer's ring is invalid. */
  get returns(): number {
    return this.#held > 0 ? this.ring.returns() : 0;
  }

  /** True if the peer may get another slot without waiting. */
  get hasCredit(): boolean {
    return this.#waitingCount === 0 &&
      this.#held < Math.max(1, this.pool.free);
  }

  /** Sends a slot to a peer that has credit. Drops the message of a connection that has ended. */
  push(slot: number, length: number): void {
    if (!this.#connections.number(slot)) return this.pool.unref(slot);
    this.send(slot, length);
  }

  /** Sends a slot without regard to credit. */
  send(slot: number, length: number): void {
    this.#holds[slot] = 1;
    this.#held++;
    this.ring.push(slot, length);
    this.#written.add(this);
  }

  /**
   * Queues a packet for a peer without credit and returns `Sent`. Returns `NoCredit`, and the caller keeps the slot, if
   * the peer is stalled, its budget is spent or the queue is full.
   */
  wait(slot: number, length: number, now: Millis): PostResult {
    if (this.stalled) return PostResult.NoCredit;
    if (this.#waitingCount === 0) {
      const refilled = this.#budget + REFILL * (now - this.#budgetAt);
      this.#budget = this.#alone
        ? ALONE_PAUSE_MS
        : Math.min(PAUSE_BUDGET_MS, refilled);
      this.#budgetAt = now;
      if (this.#budget < MIN_PAUSE_MS) return PostResult.NoCredit;
    }
    if (this.#waitingCount === this.pool.slots) return PostResult.NoCredit;
    const at = 2 *
      ((this.#waitingFrom + this.#waitingCount) % this.pool.slots);
    this.#waiting[at] = slot;
    this.#waiting[at + 1] = length;
    this.#waitingCount++;
    return PostResult.Sent;
  }

  /** Time at which the current pause has spent the budget; Infinity if no packet waits. */
  get deadline(): Millis {
    return this.#waitingCount ? this.#budgetAt + this.#budget : Infinity;
  }

  /**
   * Collects returned slots and sends waiting packets. Returns false if the ring is invalid; the link must then end.
   */
  collect(now: Millis): boolean {
    const count = this.ring.returns();
    if (count === 0) return true;
    if (count < 0) return false;
    for (let i = 0; i < count; i++) {
      const returned = this.ring.takeReturn();
      const slot = returned & (1 << NAK_SHIFT) - 1;
      const nak = returned >>> NAK_SHIFT;
      if (slot >= this.#holds.length || !this.#holds[slot]) return false;
      this.#holds[slot] = 0;
      this.#held--;
      if (nak === Nak.None) this.pool.unref(slot);
      else if (!this.#connections.refused(this, slot, nak)) return false;
    }
    this.stalled = false;
    this.bell.progress();
    if (this.#waitingCount) this.#sendWaiting(now);
    return true;
  }

  /** Marks the peer as stalled and drops the waiting packets; returns their number. */
  stall(): number {
    this.stalled = true;
    this.#budget = 0;
    return this.#dropWaiting();
  }

  /** Makes the written descriptors visible and wakes the peer if it sleeps. */
  publish(): void {
    this.ring.publish();
    this.bell.ring(this.ring.takeWake());
  }

  /** Wakes a sleeping peer, which may hold unpublished returns. */
  wake(): void {
    this.bell.ring(this.ring.takeSleep());
  }

  /** Ends the link and frees all slots that the peer held. Returns the number of waiting packets that were lost. */
  close(): number {
    if (!this.open) return 0;
    this.open = false;
    this.#written.remove(this);
    const lost = this.#dropWaiting();
    for (let slot = 0; slot < this.#holds.length; slot++) {
      if (this.#holds[slot]) this.pool.unref(slot);
    }
    this.#holds.fill(0);
    this.#held = 0;
    this.watch?.close();
    this.bell.close();
    this.#ringMapping.unmap();
    return lost;
  }

  #sendWaiting(now: Millis): void {
    while (
      this.#waitingCount && this.#held < Math.max(1, this.pool.free)
    ) {
      const at = 2 * this.#waitingFrom;
      this.push(this.#waiting[at]!, this.#waiting[at + 1]!);
      this.#takeWaiting();
    }
    if (this.#waitingCount && !this.#alone) return;
    this.#budget = this.#alone
      ? ALONE_PAUSE_MS
      : Math.max(0, this.#budget - (now - this.#budgetAt));
    this.#budgetAt = now;
  }

  #takeWaiting(): void {
    this.#waitingFrom = (this.#waitingFrom + 1) % this.pool.slots;
    this.#waitingCount--;
  }

  #dropWaiting(): number {
    const dropped = this.#waitingCount;
    while (this.#waitingCount) {
      this.pool.unref(this.#waiting[2 * this.#waitingFrom]!);
      this.#takeWaiting();
    }
    return dropped;
  }
}
