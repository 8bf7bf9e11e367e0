/**
 * The multicast groups of both families that the kernel has joined on an interface.
 *
 * There are two sources: `rtnetlink` receives an event for each join and leave, but requires Linux 6.15; `proc` reads
 * /proc/net/igmp and igmp6 every second, and soon after the interface has sent an IGMP or MLD report.
 * `open_memberships.ts` selects one.
 */

import type { Millis } from "../../base/units.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { Reactor } from "../../system/reactor.ts";

export type MembershipSource = "rtnetlink" | "proc";

/** Groups, keyed by text. */
export type Groups = ReadonlyMap<string, IpAddress>;

/** Returns a map of these groups. */
export function groupsOf(addresses: Iterable<IpAddress>): Groups {
  return new Map(Array.from(addresses, (group) => [String(group), group]));
}

/** The current groups of one interface. */
export interface KernelMemberships {
  readonly source: MembershipSource;
  /** A change replaces the map. */
  readonly groups: Groups;
  /**
   * Reads all groups again, and calls `changed` if they differ. If the kernel refuses, keeps the groups, and reads them
   * again later.
   */
  refresh(): void;
  /** Called after the interface has sent an IGMP or MLD report: the groups may have changed. */
  noteReport(now: Millis): void;
  close(): void;
}

/** Up to this number of groups, changes are processed without a pause. */
const MAX_GROUPS_WITHOUT_PAUSE = 1000;
/** Groups per millisecond of pause. About 1000 are compared in 1 ms, so this limits the load to about 5 %. */
const GROUPS_PER_MS = 50;

/**
 * Returns the minimum pause between two updates of `groups` groups, in milliseconds. It limits the load that a user
 * with very many memberships can cause by joining and leaving groups.
 */
export function changePause(groups: number): Millis {
  return groups <= MAX_GROUPS_WITHOUT_PAUSE ? 0 : groups / GROUPS_PER_MS;
}

/** Returns true if both maps contain the same groups. */
export function sameGroups(
  a: Groups,
  b: Groups,
): boolean {
  if (a.size !== b.size) return false;
  for (const group of a.keys()) if (!b.has(group)) return false;
  return true;
}

export interface MembershipOptions {
  readonly reactor: Reactor;
  /** An open namespace, used during construction only; undefined for the thread's own. */
  readonly netns: number | undefined;
  readonly ifindex: number;
  /** Called after `groups` is replaced; not called during construction. */
  readonly changed: () => void;
}
