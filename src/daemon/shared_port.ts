/**
 * The other users of a real port (other_holders.ts in sa): processes of this program, and the kernel's ib_ipoib.
 *
 * Processes know each other by locks of one file for each port, a byte for each membership: shared by those that hold it,
 * claimed by the one that leaves it. The kernel frees them when a process ends. The kernel's own holds are not known one by
 * one: an interface that is up on the port and P_Key is taken to hold every group of the partition.
 *
 * When such an interface goes down it leaves its groups, with a delay and without a notification. So memberships are checked
 * at once and several times more.
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

/** When memberships are checked after the kernel's interface went down. */
const CHECKS_MS: readonly Millis[] = [0, 250, 750, 1500, 4000];
/** When a lock is tried again that another process has while it leaves the group. */
const RETRY_MS: Millis = 1000;
/** An odd multiplier: two groups get one byte with a chance of 2^-62. */
const MULTIPLIER = 0x9e3779b97f4a7c15n;
const OFFSET_BITS = 62;

/** What is asked of {@linkcode IpoibLinks}. */
export type Links = Pick<IpoibLinks, "isUp" | "close">;
/** What is asked of {@linkcode RangeLocks}. */
type Locks = Pick<RangeLocks, "share" | "claim" | "free" | "close">;

export interface SharedPortParts {
  readonly reactor: Reactor;
  readonly log: Logger;
  /** The port's GID, 16 bytes. */
  readonly gid: () => Uint8Array;
  /** Throws `E_LOCK`. */
  readonly openLocks: () => Locks;
  /** The kernel's interfaces in the namespaces that can be seen. */
  readonly openLinks: (onDown: (link: IpoibLink) => void) => readonly Links[];
}

export class SharedPort implements OtherHolders {
  /** Called when others may have left groups that are held here. */
  onLeft: () => void = () => {};
  /** Called when an interface of the kernel's is gone that groups were not left for. */
  onGone: () => void = () => {};
  readonly #parts: SharedPortParts;
  readonly #locks: Locks | undefined;
  readonly #links: readonly Links[];
  readonly #timer: Timer;
  /** Offsets that another process had when they were to be shared. */
  readonly #missing = new Set<bigint>();
  /** When to check, in order. */
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

  /** Who had them has left the groups meanwhile. */
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

  /** Without locks no other process is known. */
  #lock(call: (locks: Locks) => boolean): boolean {
    const locks = this.#locks;
    return locks === undefined || (this.#guarded(() => call(locks)) ?? true);
  }

  /** What fails is logged once: the interface goes on as if it were alone. */
  #guarded<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      if (!this.#failed) {
        this.#failed = true;
        const { message } = IpoibError.from(error);
        this.#parts.log.warn(
          `${message}: other processes on the port are not seen, which lose their groups when this one ends`,
        );
      }
      return undefined;
    }
  }

  #now(): Millis {
    return this.#parts.reactor.clock.now();
  }
}

/** The byte that stands for a membership. */
function offsetOf({ mgid, joinState }: Membership): bigint {
  const view = new DataView(mgid.buffer, mgid.byteOffset, mgid.byteLength);
  const mixed = (view.getBigUint64(0) * MULTIPLIER + view.getBigUint64(8)) *
      MULTIPLIER + BigInt(joinState);
  return BigInt.asUintN(OFFSET_BITS, mixed ^ mixed >> 64n);
}
