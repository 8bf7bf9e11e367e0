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
export interface Memberships {
  readonly source: MembershipSource;
  /** Replaced, never changed, when a membership changes. */
  readonly groups: ReadonlySet<number>;
  /** Reads everything again; calls `changed` if something did. */
  refresh(): void;
  /** An IGMP report left the interface: the groups may just have changed. */
  noteReport(now: Millis): void;
  close(): void;
}

/** Where to look, and whom to tell. */
export interface MembershipOptions {
  readonly reactor: Reactor;
  /** An open namespace, or undefined for the thread's own; not used after construction. */
  readonly netns: number | undefined;
  readonly ifindex: number;
  /** Called after `groups` was replaced; never during construction. */
  readonly changed: () => void;
}
