/** Chooses how memberships are followed. */

import { RtnetlinkMemberships } from "./rtnetlink_memberships.ts";
import type {
  KernelMemberships,
  MembershipOptions,
  MembershipSource,
} from "./kernel_memberships.ts";
import { ProcMemberships } from "./proc_memberships.ts";

/** Opens memberships; throws `E_MEMBERSHIPS` if the way that is asked for does not exist here. */
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
