/**
 * Detection of the other users of a verbs port's multicast memberships (sa/other_holders.ts): other processes of this
 * program, and ib_ipoib.
 *
 * Processes use byte range locks in one file per port, with one byte per membership. Holders of the membership have a
 * shared lock, and a process that leaves the group has an exclusive lock. The kernel releases the locks when a process
 * ends. The memberships of ib_ipoib are not visible, so an ib_ipoib interface that is up on the port and P_Key counts
 * as a holder of every group of the partition.
 *
 * When such an interface goes down, it leaves its groups after a delay and without a notification. Therefore the
 * memberships are checked immediately and several times afterwards.
 */

import type { Logger } from "../base/log.ts";
import { IpoibError } from "../base/errors.ts";
import type { Millis } from "../base/units.ts";
import type { IpoibLink, IpoibLinks } from "../netdev/ipoib_links.ts";
import type { Membership, OtherHolders, Others } from "../sa/other_holders.ts";
import type { RangeLocks } from "../system/range_locks.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import { gidGuid } from "../wire/gid.ts";
import { mgidPkey } from "../wire/mgid.ts";

/** Times of the checks after an ib_ipoib interface went down. */
const CHECKS_MS: readonly Millis[] = [0, 250, 750, 1500, 4000];
/** Interval of the attempts to share a lock that another process holds exclusively while it leaves the group. */
const RETRY_MS: Millis = 1000;
/** Odd multiplier of the hash of a membership to one of 2^62 offsets. */
const MULTIPLIER = 0x9e3779b97f4a7c15n;
const OFFSET_BITS = 62;

/** The members of {@linkcode IpoibLinks} that SharedPort uses. */
export type Links = Pick<IpoibLinks, "isUp" | "close">;
/** The members of {@linkcode RangeLocks} that SharedPort uses. */
type Locks = Pick<RangeLocks, "share" | "claim" | "free" | "close">;

export interface SharedPortParts {
  readonly reactor: Reactor;
  readonly log: Logger;
  /** Returns the GID of the port, 16 bytes. */
  readonly gid: () => Uint8Array;
  /** Opens the lock file. Throws `E_LOCK`. */
  readonly openLocks: () => Locks;
  /** Opens the ib_ipoib interfaces of each visible network namespace. */
  readonly openLinks: (onDown: (link: IpoibLink) => void) => readonly Links[];
}

export class SharedPort implements OtherHolders {
  /** Called when another user may have left groups that this process holds. */
  onLeft: () => void = () => {};
  /** Called after the last check that follows the end of an ib_ipoib interface, which has left its groups by then. */
  onGone: () => void = () => {};
  readonly #parts: SharedPortParts;
  readonly #locks: Locks | undefined;
  readonly #links: readonly Links[];
  readonly #timer: Timer;
  /** Offsets that could not be shared because another process held them. */
  readonly #missing = new Set<bigint>();
  /** Times of pending checks, in order. */
  #checks: Millis[] = [];
  #retryAt: Millis = Infinity;
  #failed = false;

  constructor(parts: SharedPortParts) {
    this.#parts = parts;
    this.#timer = parts.reactor.timer((now) => this.#tick(now));
    this.#locks = this.#guarded(parts.openLocks);
    this.#links = parts.openLinks((link) => this.#onDown(link));
  }

  hold(membership: Membership): void {
    const offset = offsetOf(membership);
    if (this.#lock((locks) => locks.share(offset))) return;
    this.#missing.add(offset);
    this.#retryAt = this.#now() + RETRY_MS;
    this.#schedule();
  }

  tryLeave(membership: Membership): Others {
    const offset = offsetOf(membership);
    this.free(membership);
    if (!this.#lock((locks) => locks.claim(offset))) return "process";
    if (!this.#isInKernel(membership)) return "none";
    this.free(membership);
    return "kernel";
  }

  free(membership: Membership): void {
    const offset = offsetOf(membership);
    this.#missing.delete(offset);
    this.#lock((locks) => {
      locks.free(offset);
      return true;
    });
  }

  close(): void {
    this.#timer.close();
    for (const links of this.#links) links.close();
    this.#locks?.close();
  }

  #isInKernel({ mgid }: Membership): boolean {
    const gid = this.#parts.gid();
    const pkey = mgidPkey(mgid);
    return this.#links.some((links) => links.isUp(gid, pkey));
  }

  #onDown({ gid }: IpoibLink): void {
    if (gidGuid(gid) !== gidGuid(this.#parts.gid())) return;
    const now = this.#now();
    this.#checks = CHECKS_MS.map((after) => now + after);
    this.#schedule();
  }

  #tick(now: Millis): void {
    if (this.#retryAt <= now) {
      this.#retryAt = Infinity;
      this.#shareAgain(now);
    }
    if (this.#checks[0] !== undefined && this.#checks[0] <= now) {
      this.#checks = this.#checks.filter((at) => at > now);
      this.onLeft();
      if (this.#checks.length === 0) this.onGone();
    }
    this.#schedule();
  }

  /** Retries missing locks. A process that released one has left the group in the meantime. */
  #shareAgain(now: Millis): void {
    let shared = false;
    for (const offset of this.#missing) {
      if (!this.#lock((locks) => locks.share(offset))) continue;
      this.#missing.delete(offset);
      shared = true;
    }
    if (shared) this.onLeft();
    if (this.#missing.size > 0) this.#retryAt = now + RETRY_MS;
  }

  #schedule(): void {
    this.#timer.at(Math.min(this.#retryAt, this.#checks[0] ?? Infinity));
  }

  /** Runs a lock operation. Returns true without a lock file or on a failure, as if no other process existed. */
  #lock(call: (locks: Locks) => boolean): boolean {
    const locks = this.#locks;
    return locks === undefined || (this.#guarded(() => call(locks)) ?? true);
  }

  /** Returns undefined if `call` throws. Only the first failure is logged. */
  #guarded<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      if (!this.#failed) {
        this.#failed = true;
        const { message } = IpoibError.from(error);
        this.#parts.log.warn(
          `${message}: other processes on the port are not detected and lose their multicast groups when this one ends`,
        );
      }
      return undefined;
    }
  }

  #now(): Millis {
    return this.#parts.reactor.clock.now();
  }
}

/** Returns the file offset of the lock for a membership. */
function offsetOf({ mgid, joinState }: Membership): bigint {
  const view = new DataView(mgid.buffer, mgid.byteOffset, mgid.byteLength);
  const mixed = (view.getBigUint64(0) * MULTIPLIER + view.getBigUint64(8)) *
      MULTIPLIER + BigInt(joinState);
  return BigInt.asUintN(OFFSET_BITS, mixed ^ mixed >> 64n);
}
