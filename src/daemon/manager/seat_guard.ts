/**
 * Looks, before the manager's loop handles anything, whether its lock file is still its own.
 *
 * A manager whose process was stopped for long may have been replaced (manager/seat_lock.ts). What it then finds in its sockets is of
 * ports that have a new manager.
 */

import type { Millis } from "../../base/units.ts";
import { linkInode } from "../../system/files.ts";
import type { Reactor, Sleeper } from "../../system/reactor.ts";

/** Less than it takes a port to find a manager silent. */
const INTERVAL_MS: Millis = 500;

export class SeatGuard implements Sleeper {
  readonly #reactor: Reactor;
  readonly #path: string;
  readonly #inode: bigint;
  readonly #lost: () => void;
  #lookedAt: Millis;

  /** @param lost called once, when the file at `path` is another one than that of `inode` */
  constructor(
    reactor: Reactor,
    { path, inode }: { path: string; inode: bigint },
    lost: () => void,
  ) {
    this.#reactor = reactor;
    this.#path = path;
    this.#inode = inode;
    this.#lost = lost;
    this.#lookedAt = reactor.clock.now();
    reactor.addSleeper(this);
  }

  beforeSleep(): boolean {
    return false;
  }

  afterSleep(): void {
    const now = this.#reactor.clock.now();
    if (now - this.#lookedAt < INTERVAL_MS) return;
    this.#lookedAt = now;
    if (linkInode(this.#path) === this.#inode) return;
    this.#lookedAt = Infinity;
    this.#lost();
  }
}
