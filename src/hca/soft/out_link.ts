/**
 * The sending end of a link to one peer: descriptors out, slots back.
 *
 * **Share.** A peer may take another slot only while it holds fewer than are free: one that has stopped ends up with half
 * of them, two with a third each, so that something is always left for the others. (A fixed half for each stands
 * still with two stopped peers.)
 *
 * **Credit.** A packet beyond the share waits here, and the port stops handing out slots: the network device's queue fills and the
 * kernel holds its senders back, so that between live peers nothing is dropped. The pause is paid from a budget
 * of the peer, {@linkcode PAUSE_BUDGET_MS} at most, which refills with a quarter of the time that passes: a peer that is
 * slow but alive cannot take the whole port with it, packets to it are dropped (and counted) when its budget is spent. A
 * peer whose budget ends without a slot back has stopped: everything beyond its share is dropped until it returns one.
 * While the peer is the port's only one nobody needs to be protected from it: each slot that it returns fills the budget.
 *
 * Measured with three and four processes, one or two of them stopped: with these rules the others keep 0.83 to 1.1 of
 * their throughput; live peers on two busy cores were off their processor for less than 30 ms.
 */

import type { Millis } from "../../base/units.ts";
import type { Fd } from "../../system/fd.ts";
import type { Mapping } from "../../system/memory.ts";
import type { Watch } from "../../system/reactor.ts";
import { PostResult } from "../hca.ts";
import type { LinkBell } from "./link_bell.ts";
import type { Pending, PendingList } from "./pending_list.ts";
import type { RingSender } from "./ring.ts";
import type { SlotPool } from "./slot_pool.ts";

/** The longest pause that a port makes for one peer. */
export const PAUSE_BUDGET_MS = 20;
/** The longest pause for the only peer: a process on a crowded machine may be off its processor that long. */
export const ALONE_PAUSE_MS = 250;
/** How much of the time that passes comes back into the budget. */
const REFILL = 0.25;
/** A pause shorter than this is not worth beginning. */
const LEAST_PAUSE_MS = 0.5;

/** What a link is made of. */
export interface OutLinkParts {
  readonly guid: string;
  readonly pool: SlotPool;
  readonly ring: RingSender;
  readonly ringMapping: Mapping;
  readonly connection: Fd;
  /** Closes the connection at the end. */
  readonly bell: LinkBell;
  /** The port's links with descriptors to publish. */
  readonly written: PendingList<OutLink>;
}

/** See above. */
export class OutLink implements Pending {
  readonly guid: string;
  readonly pool: SlotPool;
  readonly ring: RingSender;
  readonly connection: Fd;
  readonly bell: LinkBell;
  /** False once the peer is gone: handles look for a new link. */
  open = true;
  /** Set while descriptors are written but not published. */
  dirty = false;
  /** True while the peer has stopped. */
  stalled = false;
  /** True once the peer has answered. */
  accepted = false;
  watch: Watch | undefined;

  readonly #written: PendingList<OutLink>;
  readonly #ringMapping: Mapping;
  /** 1 for each slot that the peer holds, so that it cannot return another's, nor one twice. */
  readonly #holds: Uint8Array;
  #held = 0;
  #alone = false;
  /** Slots and lengths that wait for credit. */
  readonly #waiting: Int32Array;
  #waitingFrom = 0;
  #waitingCount = 0;
  #budget = PAUSE_BUDGET_MS;
  /** When the budget was last looked at, and the present pause began. */
  #budgetAt: Millis = 0;

  constructor(parts: OutLinkParts) {
    this.guid = parts.guid;
    this.pool = parts.pool;
    this.ring = parts.ring;
    this.connection = parts.connection;
    this.bell = parts.bell;
    this.#written = parts.written;
    this.#ringMapping = parts.ringMapping;
    this.#holds = new Uint8Array(parts.pool.slots);
    this.#waiting = new Int32Array(2 * parts.pool.slots);
  }

  /** Says whether this is the port's only outgoing link. */
  setAlone(alone: boolean): void {
    this.#alone = alone;
    if (!alone) this.#budget = Math.min(this.#budget, PAUSE_BUDGET_MS);
  }

  /** Slots with the peer. */
  get held(): number {
    return this.#held;
  }

  /** Packets that wait for credit. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /** Slots that the peer has returned and nobody has taken; not 0 also if its ring is impossible. */
  get returns(): number {
    return this.#held > 0 ? this.ring.returns() : 0;
  }

  /** True if the peer may have another slot without waiting. */
  get hasCredit(): boolean {
    return this.#waitingCount === 0 &&
      this.#held < Math.max(1, this.pool.free);
  }

  /** Sends a slot to a peer that has credit. */
  push(slot: number, length: number): void {
    this.#holds[slot] = 1;
    this.#held++;
    this.ring.push(slot, length);
    if (!this.dirty) this.#written.add(this);
  }

  /** Keeps a slot for a peer without credit; if its budget is spent the packet is refused and stays the caller's. */
  wait(slot: number, length: number, now: Millis): PostResult {
    if (this.stalled) return PostResult.NoCredit;
    if (this.#waitingCount === 0) {
      const refilled = this.#budget + REFILL * (now - this.#budgetAt);
      this.#budget = this.#alone
        ? ALONE_PAUSE_MS
        : Math.min(PAUSE_BUDGET_MS, refilled);
      this.#budgetAt = now;
      if (this.#budget < LEAST_PAUSE_MS) return PostResult.NoCredit;
    }
    if (this.#waitingCount === this.pool.slots) return PostResult.NoCredit;
    const at = 2 *
      ((this.#waitingFrom + this.#waitingCount) % this.pool.slots);
    this.#waiting[at] = slot;
    this.#waiting[at + 1] = length;
    this.#waitingCount++;
    return PostResult.Sent;
  }

  /** When the budget of the present pause is spent; Infinity if nothing waits. */
  get deadline(): Millis {
    return this.#waitingCount ? this.#budgetAt + this.#budget : Infinity;
  }

  /** Takes returned slots; false if the peer's ring is impossible, which ends the link. */
  collect(now: Millis): boolean {
    const count = this.ring.returns();
    if (count === 0) return true;
    if (count < 0) return false;
    for (let i = 0; i < count; i++) {
      const slot = this.ring.takeReturn();
      if (slot < 0 || slot >= this.#holds.length || !this.#holds[slot]) {
        return false;
      }
      this.#holds[slot] = 0;
      this.#held--;
      this.pool.unref(slot);
    }
    this.stalled = false;
    this.bell.progress();
    if (this.#waitingCount) this.#sendWaiting(now);
    return true;
  }

  /** The budget is spent: drops what waits; returns how many packets. */
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

  /** Wakes the peer if it sleeps: it may keep returned slots until then. */
  wake(): void {
    this.bell.ring(this.ring.takeSleep());
  }

  /** Ends the link: every slot that the peer held comes back. Returns how many waiting packets were lost. */
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
