/**
 * Limit on the number of multicast groups of an interface, broadcast group excluded.
 *
 * At the limit, a group that the kernel joins replaces the least recently used send-only group. Kernel memberships over
 * the limit are not joined until another one is left (wanted_groups.ts). A new send-only group replaces one that was
 * idle for REPLACEABLE_IDLE_MS, at most once per REPLACE_INTERVAL_MS, because each replacement costs the administrator
 * a leave and a join.
 */

import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import { REPLACE_INTERVAL_MS, REPLACEABLE_IDLE_MS } from "../constants.ts";
import type { Statistics } from "../statistics.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** Dependencies of a {@linkcode GroupLimit}. */
export interface GroupLimitParts {
  readonly maxGroups: number;
  /** The groups of the interface, including the broadcast group. */
  readonly groups: ReadonlyMap<string, MulticastGroup>;
  readonly statistics: Statistics;
  readonly log: Logger;
  /** Leaves and removes a group. */
  readonly remove: (group: MulticastGroup, now: Millis) => void;
  /** Called when the number of kernel memberships over the limit has grown. */
  readonly onUnjoined: (unjoined: number, maxGroups: number) => void;
}

export class GroupLimit {
  readonly #parts: GroupLimitParts;
  /** Earliest time of the next replacement of a send-only group by another. */
  #nextReplacement: Millis = -Infinity;
  /** Number of kernel memberships over the limit. */
  #unjoined = 0;
  #logged = false;

  constructor(parts: GroupLimitParts) {
    this.#parts = parts;
  }

  /**
   * Evicts a send-only group at the limit, to admit a group that the kernel joins. Such groups never exceed the limit.
   */
  admitMember(now: Millis): void {
    if (this.#isFull) this.#evict(now, 0);
  }

  /** Returns true if a new send-only group is admitted, after an eviction if needed. */
  admitSendOnly(now: Millis): boolean {
    if (!this.#isFull) return true;
    if (now < this.#nextReplacement) return false;
    this.#nextReplacement = now + REPLACE_INTERVAL_MS;
    return this.#evict(now, REPLACEABLE_IDLE_MS);
  }

  /** Counts kernel memberships over the limit, and logs the first time. */
  reportUnjoined(unjoined: number): void {
    const { statistics, log, maxGroups, onUnjoined } = this.#parts;
    const more = unjoined - this.#unjoined;
    this.#unjoined = unjoined;
    if (more <= 0) return;
    statistics.tables.add("groups_refused", more);
    onUnjoined(unjoined, maxGroups);
    if (this.#logged) return;
    this.#logged = true;
    log.warn(
      `Limit of ${maxGroups} multicast groups reached: further groups are not joined; raise it with --max-groups`,
    );
  }

  get #isFull(): boolean {
    return this.#parts.groups.size > this.#parts.maxGroups;
  }

  /** Removes the least recently used send-only group that was idle for `idleMs`; returns false if there is none. */
  #evict(now: Millis, idleMs: Millis): boolean {
    const { groups, statistics, remove } = this.#parts;
    let oldest: MulticastGroup | undefined;
    for (const group of groups.values()) {
      if (!group.sendOnly || now - group.usedAt < idleMs) continue;
      if (!oldest || group.usedAt < oldest.usedAt) oldest = group;
    }
    if (!oldest) return false;
    remove(oldest, now);
    statistics.tables.add("groups_evicted");
    return true;
  }
}
