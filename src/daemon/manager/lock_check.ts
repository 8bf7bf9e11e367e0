/**
 * Check of the manager's lock file before its reactor handles events.
 *
 * A manager whose process was stopped may have been replaced (manager_lock.ts) when it continues. Its sockets then hold
 * messages of ports that have a new manager, which it must not process.
 */

import type { Millis } from "../../base/units.ts";
import { linkInode } from "../../system/files.ts";
import type { Reactor, Sleeper } from "../../system/reactor.ts";

/** Minimum interval of the checks. It is shorter than the time after which a port regards its manager as silent. */
const INTERVAL_MS: Millis = 500;

export class LockCheck implements Sleeper {
  readonly #reactor: Reactor;
  readonly #path: string;
  readonly #inode: bigint;
  readonly #onLost: () => void;
  #checkedAt: Millis;

  /** @param onLost called once, when the inode of the file at `path` is no longer `inode` */
  constructor(
    reactor: Reactor,
    { path, inode }: { path: string; inode: bigint },
    onLost: () => void,
  ) {
    this.#reactor = reactor;
    this.#path = path;
    this.#inode = inode;
    this.#onLost = onLost;
    this.#checkedAt = reactor.clock.now();
    reactor.addSleeper(this);
  }

  beforeSleep(): boolean {
    return false;
  }

  afterSleep(): void {
    const now = this.#reactor.clock.now();
    if (now - this.#checkedAt < INTERVAL_MS) return;
    this.#checkedAt = now;
    if (linkInode(this.#path) === this.#inode) return;
    this.#checkedAt = Infinity;
    this.#onLost();
  }
}
