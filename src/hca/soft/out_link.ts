/**
 * The sending end of a link to one peer: descriptors out, slots back.
 *
 * **Credit.** A peer may hold {@linkcode PEER_SHARE} slots. Packets beyond that wait here, in order, and the
 * port stops handing out slots, so that the TUN's queue fills and the kernel holds its senders back: between
 * live peers nothing is dropped. A peer that returns nothing for {@linkcode STALL_MS} while packets wait for
 * it has stopped: what waits for it is dropped and counted, and so is everything else until it returns a slot.
 * So a stopped peer costs the others one pause of that length and half of the slots.
 */

import type { Fd } from "../../system/fd.ts";
import type { Mapping } from "../../system/memory.ts";
import type { Watch } from "../../system/reactor.ts";
import { PostResult } from "../hca.ts";
import type { PeerDoorbell } from "./doorbell.ts";
import type { RingSender } from "./ring.ts";
import type { SlotPool } from "./slot_pool.ts";

/** How long a peer may hold its whole share without returning a slot. */
export const STALL_MS = 20;

/** What a link is made of. */
export interface OutLinkParts {
  guid: string;
  pool: SlotPool;
  share: number;
  ring: RingSender;
  ringMapping: Mapping;
  connection: Fd;
}

/** See above. */
export class OutLink {
  readonly guid: string;
  /** False once the peer is gone: handles look for a new link. */
  open = true;
  /** Set while descriptors are written but not published. */
  dirty = false;
  /** True while the peer has stopped. */
  stalled = false;
  watch: Watch | undefined;
  /** Absent until the peer has answered; it looks at the ring by itself when it accepts. */
  doorbell: PeerDoorbell | undefined;
  readonly connection: Fd;

  readonly #pool: SlotPool;
  readonly #share: number;
  readonly #ring: RingSender;
  readonly #ringMapping: Mapping;
  /** 1 for each slot that the peer holds, so that it cannot return another's, nor one twice. */
  readonly #holds: Uint8Array;
  #held = 0;
  /** Slots and lengths that wait for credit. */
  readonly #waiting: Int32Array;
  #waitingFrom = 0;
  #waitingCount = 0;
  /** When the last slot came back, or when waiting began. */
  #progressAt = 0;

  constructor(parts: OutLinkParts) {
    this.guid = parts.guid;
    this.connection = parts.connection;
    this.#pool = parts.pool;
    this.#share = parts.share;
    this.#ring = parts.ring;
    this.#ringMapping = parts.ringMapping;
    this.#holds = new Uint8Array(parts.pool.slots);
    this.#waiting = new Int32Array(2 * parts.pool.slots);
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
    return this.#held > 0 ? this.#ring.returns() : 0;
  }

  /** Sends a slot, holds it back, or refuses it; the reference is the caller's until this returns `Sent`. */
  push(slot: number, length: number): PostResult {
    if (this.#held < this.#share && this.#waitingCount === 0) {
      this.#write(slot, length);
      return PostResult.Sent;
    }
    if (this.stalled) return PostResult.NoCredit;
    const at = 2 *
      ((this.#waitingFrom + this.#waitingCount) % this.#pool.slots);
    this.#waiting[at] = slot;
    this.#waiting[at + 1] = length;
    this.#waitingCount++;
    return PostResult.Sent;
  }

  /** Begins the wait for credit at `now`. */
  startWaiting(now: number): void {
    this.#progressAt = now;
  }

  /** When the peer will count as stopped, if it returns nothing; Infinity if nothing waits. */
  deadline(): number {
    return this.#waitingCount ? this.#progressAt + STALL_MS : Infinity;
  }

  /** Takes returned slots; false if the peer's ring is impossible, which ends the link. */
  collect(now: number): boolean {
    const count = this.#ring.returns();
    if (count === 0) return true;
    if (count < 0) return false;
    let progress = false;
    for (let i = 0; i < count; i++) {
      const slot = this.#ring.takeReturn();
      if (slot < 0 || slot >= this.#holds.length || !this.#holds[slot]) {
        return false;
      }
      this.#holds[slot] = 0;
      this.#held--;
      this.#pool.unref(slot);
      progress = true;
    }
    if (progress) {
      this.stalled = false;
      if (this.#waitingCount) this.#progressAt = now;
    }
    while (this.#waitingCount && this.#held < this.#share) {
      const at = 2 * this.#waitingFrom;
      this.#write(this.#waiting[at]!, this.#waiting[at + 1]!);
      this.#takeWaiting();
    }
    return true;
  }

  /** The peer has stopped: drops what waits; returns how many packets. */
  stall(): number {
    this.stalled = true;
    return this.#dropWaiting();
  }

  /** Makes the written descriptors visible and wakes the peer if it sleeps. */
  publish(): void {
    this.dirty = false;
    this.#ring.publish();
    this.doorbell?.ringForWork();
  }

  /** Ends the link: every slot that the peer held comes back. Returns how many waiting packets were lost. */
  close(): number {
    if (!this.open) return 0;
    this.open = false;
    const lost = this.#dropWaiting();
    for (let slot = 0; slot < this.#holds.length; slot++) {
      if (this.#holds[slot]) this.#pool.unref(slot);
    }
    this.#holds.fill(0);
    this.#held = 0;
    this.watch?.close();
    this.doorbell?.close();
    this.connection.close();
    this.#ringMapping.unmap();
    return lost;
  }

  #write(slot: number, length: number): void {
    this.#holds[slot] = 1;
    this.#held++;
    this.#ring.push(slot, length);
    this.dirty = true;
  }

  #takeWaiting(): void {
    this.#waitingFrom = (this.#waitingFrom + 1) % this.#pool.slots;
    this.#waitingCount--;
  }

  #dropWaiting(): number {
    const dropped = this.#waitingCount;
    while (this.#waitingCount) {
      this.#pool.unref(this.#waiting[2 * this.#waitingFrom]!);
      this.#takeWaiting();
    }
    return dropped;
  }
}
