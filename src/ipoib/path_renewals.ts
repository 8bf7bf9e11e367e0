/**
 * Repeats the queries of paths in use. Such a path becomes *doubtful*, which means that it stays in use while it is
 * queried again:
 *
 * - after a light flush (client reregister), so that a change of the subnet manager loses no packets of established
 *   flows; the most recently used paths are queried first, and at most MAX_PATH_RENEWALS at a time, because all hosts of
 *   the subnet do so at once;
 * - when an address resolution packet from the GID has a source LID other than the path's DLID, because no other event
 *   reports the move;
 * - when the peer does not answer the kernel's neighbour probes.
 *
 * Except after a light flush, a doubtful path is queried at most once per second. If the query fails, or the response
 * has the old LID, the path is queried again after 2, 4, 8 and 16 s, or later if MAX_PATH_RENEWALS queries are pending.
 * The retry timer iterates over the paths with a scheduled query only.
 */

import { MAX_BACKOFF_MS } from "../base/backoff.ts";
import type { Millis } from "../base/units.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import { formatGid } from "../wire/gid.ts";
import {
  MAX_PATH_RENEWALS,
  MAX_PATH_RETRIES,
  PATH_INTERVAL_MS,
  RETRY_TICK_MS,
} from "./constants.ts";
import type { DebugLog } from "./debug_log.ts";
import type { Path } from "./path.ts";

/** Dependencies of {@linkcode PathRenewals}. */
export interface PathRenewalParts {
  readonly reactor: Pick<Reactor, "clock" | "timer">;
  readonly debug: DebugLog;
  /** Returns the time of the last IP packet on a path; 0 for never. */
  readonly usedAt: (path: Path) => Millis;
  /** Queries a path. */
  readonly query: (path: Path, now: Millis) => void;
}

export class PathRenewals {
  readonly #parts: PathRenewalParts;
  /** Paths with a scheduled query. */
  readonly #retrying = new Set<Path>();
  /** Doubtful paths whose query is due and not sent yet, the next one last. */
  #unrenewed: Path[] = [];
  /** Paths that were taken from there, until their queries end. */
  readonly #renewing = new Set<Path>();
  /** Time at which the timer fires; Infinity if it is not armed. */
  #due: Millis = Infinity;
  /** Time of the last tick. */
  #tickedAt: Millis = -Infinity;
  readonly #timer: Timer;

  constructor(parts: PathRenewalParts) {
    this.#parts = parts;
    this.#timer = parts.reactor.timer((now) => this.tick(now));
  }

  /** Queries a path in use again, now or when its backoff ends. */
  doubt(path: Path, now: Millis): void {
    if (!isUsed(path)) return;
    path.state = "doubtful";
    const due = path.renewedAt + pauseAfter(path.retries);
    if (due <= now) this.#parts.query(path, now);
    else this.#retryAt(path, Math.min(path.retryAt, due));
  }

  /** Queries all paths that are in use of `paths` again (light flush). */
  doubtAll(paths: readonly Path[], now: Millis): void {
    const used = paths.filter(isUsed);
    this.#parts.debug.decision(() =>
      `All ${used.length} paths are queried again`
    );
    for (const path of used) path.retries = 0;
    this.#unrenewed = [];
    this.#renewSoon(used);
    this.#renew(now);
  }

  /** Schedules the next query after one that failed or returned the old LID, with exponential backoff. */
  retry(path: Path): void {
    if (path.retries >= MAX_PATH_RETRIES) return;
    path.retries++;
    this.#retryAt(path, path.renewedAt + pauseAfter(path.retries));
    this.#parts.debug.decision(() =>
      `Path to ${formatGid(path.gid)} is queried again ${
        pauseAfter(path.retries) / 1000
      } s after the last query`
    );
  }

  /** Cancels the scheduled query of a path. */
  cancel(path: Path): void {
    this.#retryAt(path, Infinity);
  }

  /** The query of a path has ended, or the path is removed. */
  end(path: Path): void {
    if (!this.#renewing.delete(path)) return;
    this.#renew(this.#parts.reactor.clock.now());
  }

  /** Sends or queues the queries that are due. */
  tick(now: Millis): void {
    this.#tickedAt = now;
    this.#renewSoon(
      [...this.#retrying].filter(({ retryAt }) => retryAt <= now),
    );
    this.#renew(now);
    this.#reschedule();
  }

  /** Forgets all paths. */
  clear(): void {
    this.#unrenewed = [];
    this.#renewing.clear();
    this.#retrying.clear();
    this.#reschedule();
  }

  close(): void {
    this.#timer.close();
  }

  /** Queues the queries of paths in use before those that are queued already, the most recently used path first. */
  #renewSoon(paths: readonly Path[]): void {
    const order = paths
      .map((path) => ({ path, usedAt: this.#parts.usedAt(path) }))
      .sort((a, b) => a.usedAt - b.usedAt);
    for (const { path } of order) {
      path.state = "doubtful";
      this.#retryAt(path, Infinity);
      this.#unrenewed.push(path);
    }
  }

  /** Sends queued queries up to the limit on pending ones. */
  #renew(now: Millis): void {
    while (this.#renewing.size < MAX_PATH_RENEWALS) {
      const path = this.#unrenewed.pop();
      if (!path) return;
      // It may have been queried, invalidated or evicted since.
      const doubtful = path.state === "doubtful" && path.ah !== undefined;
      if (!doubtful || path.retryAt !== Infinity) continue;
      this.#renewing.add(path);
      this.#parts.query(path, now);
    }
  }

  #retryAt(path: Path, when: Millis): void {
    if (path.retryAt === when) return;
    path.retryAt = when;
    if (when === Infinity) this.#retrying.delete(path);
    else {
      this.#retrying.add(path);
      this.#tickAt(when);
    }
  }

  #reschedule(): void {
    let due: Millis = Infinity;
    for (const { retryAt } of this.#retrying) due = Math.min(due, retryAt);
    this.#due = Infinity;
    this.#tickAt(due);
    if (due === Infinity) this.#timer.at(due);
  }

  /**
   * Arms the timer for an earlier deadline. A tick without due paths costs less than a search at each change. Each tick
   * visits all scheduled paths, so one follows another after RETRY_TICK_MS at the earliest.
   */
  #tickAt(when: Millis): void {
    const at = Math.max(when, this.#tickedAt + RETRY_TICK_MS);
    if (at >= this.#due) return;
    this.#due = at;
    this.#timer.at(at);
  }
}

function isUsed({ state }: Path): boolean {
  return state === "complete" || state === "doubtful";
}

/** Returns the minimum time between two queries: 1, 2, 4, 8, 16, 16 s... */
function pauseAfter(retries: number): Millis {
  return Math.min(PATH_INTERVAL_MS * 2 ** retries, MAX_BACKOFF_MS);
}
