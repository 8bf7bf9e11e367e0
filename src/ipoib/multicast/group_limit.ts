/**
 * The bound on the groups of an interface, beside its broadcast group.
 *
 * A group that the kernel is a member of takes the place of the send-only group that was used longest ago; when there are none,
 * it is not joined until another one is left (wanted_groups.ts). A send-only group may take the place of one that was idle for some seconds, ten
 * times a second at most: each costs the administrator a leave and a join.
 */

import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import { REPLACE_INTERVAL_MS, REPLACEABLE_IDLE_MS } from "../constants.ts";
import type { Statistics } from "../statistics.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** What the limit works with. */
export interface GroupLimitParts {
  readonly maxGroups: number;
  /** The groups of the interface, the broadcast group among them. */
  readonly groups: ReadonlyMap<string, MulticastGroup>;
  readonly statistics: Statistics;
  readonly log: Logger;
  /** Removes a group. */
  readonly remove: (group: MulticastGroup, now: Millis) => void;
}

export class GroupLimit {
  readonly #parts: GroupLimitParts;
  /** When a send-only group may make place for another one. */
  #nextReplacement: Millis = -Infinity;
  /** Groups that the kernel is a member of and for which there was no place. */
  #unjoined = 0;
  #logged = false;

  constructor(parts: GroupLimitParts) {
    this.#parts = parts;
  }

  /** Makes a place for a group that the kernel is a member of, of which there are no more than places. */
  admitMember(now: Millis): void {
    if (this.#isFull) this.#evict(now, 0);
  }

  /** True if there is a place for a send-only group, or one was made. */
  admitsSender(now: Millis): boolean {
    if (!this.#isFull) return true;
    if (now < this.#nextReplacement) return false;
    this.#nextReplacement = now + REPLACE_INTERVAL_MS;
    return this.#evict(now, REPLACEABLE_IDLE_MS);
  }

  /** Counts groups of the kernel's for which there is no place, and logs the first time. */
  reportUnjoined(unjoined: number): void {
    const { statistics, log, maxGroups } = this.#parts;
    const more = unjoined - this.#unjoined;
    this.#unjoined = unjoined;
    if (more <= 0) return;
    statistics.tables.add("groups_refused", more);
    if (this.#logged) return;
    this.#logged = true;
    log.warn(
      `No further multicast groups are joined: there are ${maxGroups}, as many as --max-groups allows`,
    );
  }

  get #isFull(): boolean {
    return this.#parts.groups.size > this.#parts.maxGroups;
  }

  /** Removes the send-only group that was used longest ago, if it was idle for so long; false if there is none. */
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
