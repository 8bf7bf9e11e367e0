/**
 * The IPv4 multicast groups that the kernel has joined on an interface.
 *
 * There are two sources: `rtnetlink` receives an event for each join and leave, but needs Linux 6.15 or so; `proc`
 * reads /proc/net/igmp every second, and soon after the interface has sent an IGMP report. `open_memberships.ts`
 * selects one.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor } from "../../system/reactor.ts";

export type MembershipSource = "rtnetlink" | "proc";

/** The current groups of one interface. */
export interface KernelMemberships {
  readonly source: MembershipSource;
  /** The groups, as signed 32-bit IPv4 addresses. A change replaces the set. */
  readonly groups: ReadonlySet<number>;
  /** Reads all groups again, and calls `changed` if they differ. */
  refresh(): void;
  /** Notes that the interface has sent an IGMP report, so the groups may have changed. */
  noteReport(now: Millis): void;
  close(): void;
}

/** Up to this number of groups, changes are processed without a pause. */
const MAX_GROUPS_WITHOUT_PAUSE = 1000;
/** Groups per millisecond of pause. About 1000 are compared in 1 ms, so this limits the load to a twentieth. */
const GROUPS_PER_MS = 50;

/**
 * Returns the minimum pause between two updates of `groups` groups, in milliseconds. It limits the load by a user who
 * is a member of very many groups and keeps changing one.
 */
export function changePause(groups: number): Millis {
  return groups <= MAX_GROUPS_WITHOUT_PAUSE ? 0 : groups / GROUPS_PER_MS;
}

/** Returns true if both sets have the same members. */
export function sameGroups(
  a: ReadonlySet<number>,
  b: ReadonlySet<number>,
): boolean {
  if (a.size !== b.size) return false;
  for (const group of a) if (!b.has(group)) return false;
  return true;
}

export interface MembershipOptions {
  readonly reactor: Reactor;
  /** An open namespace, used during construction only; undefined for the thread's own. */
  readonly netns: number | undefined;
  readonly ifindex: number;
  /** Called after `groups` was replaced, never during construction. */
  readonly changed: () => void;
}
