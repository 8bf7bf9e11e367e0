/** Selects the source of multicast memberships. */

import { RtnetlinkMemberships } from "./rtnetlink_memberships.ts";
import type {
  KernelMemberships,
  MembershipOptions,
  MembershipSource,
} from "./kernel_memberships.ts";
import { ProcMemberships } from "./proc_memberships.ts";

/**
 * Opens the memberships of an interface; `auto` prefers `rtnetlink` to `proc`. Throws `E_MEMBERSHIPS` if the source is
 * not available, and `E_NETLINK` or `E_NETNS` if it cannot be opened.
 */
export function openMemberships(
  source: MembershipSource | "auto",
  options: MembershipOptions,
): KernelMemberships {
  if (source === "proc") return new ProcMemberships(options);
  try {
    return new RtnetlinkMemberships(options);
  } catch (error) {
    if (source === "rtnetlink") throw error;
    return new ProcMemberships(options);
  }
}
