/**
 * Which IPv4 groups the kernel joined on an interface: two ways to know (open.ts), behind one small interface.
 *
 * `rtnetlink` hears of each join and leave at once, but needs Linux 6.15 or so; `proc` reads /proc/net/igmp about
 * every second, and at once after an IGMP report left the interface. `auto` takes the first where it works.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor } from "../../system/reactor.ts";

export type MembershipSource = "rtnetlink" | "proc";

/** The groups of one interface, kept current. */
export interface KernelMemberships {
  readonly source: MembershipSource;
  /** Replaced, never changed, when a membership changes. */
  readonly groups: ReadonlySet<number>;
  /** Reads everything again; calls `changed` if something did. */
  refresh(): void;
  /** An IGMP report left the interface: the groups may just have changed. */
  noteReport(now: Millis): void;
  close(): void;
}

/** Changes of up to so many groups are followed at once. */
const MAX_GROUPS_WITHOUT_PAUSE = 1000;
/** Groups that are compared in a millisecond of work, at a twentieth of the time. */
const GROUPS_PER_MS = 50;

/**
 * How long changes of so many groups wait at least after the last one: a user may be a member of very many groups, and
 * change one of them over and over.
 */
export function changePause(groups: number): Millis {
  return groups <= MAX_GROUPS_WITHOUT_PAUSE ? 0 : groups / GROUPS_PER_MS;
}

/** True if both sets have the same members. */
export function sameGroups(
  a: ReadonlySet<number>,
  b: ReadonlySet<number>,
): boolean {
  if (a.size !== b.size) return false;
  for (const group of a) if (!b.has(group)) return false;
  return true;
}

/** Where to look, and what to call. */
export interface MembershipOptions {
  readonly reactor: Reactor;
  /** An open namespace, or undefined for the thread's own; not used after construction. */
  readonly netns: number | undefined;
  readonly ifindex: number;
  /** Called after `groups` was replaced; never during construction. */
  readonly changed: () => void;
}
