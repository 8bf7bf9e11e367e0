/** Chooses how memberships are followed. */

import { KernelMemberships } from "./kernel.ts";
import type {
  MembershipOptions,
  Memberships,
  MembershipSource,
} from "./memberships.ts";
import { ProcMemberships } from "./proc.ts";

/** Opens memberships; throws `E_MEMBERSHIPS` if the way that is asked for does not exist here. */
export function openMemberships(
  source: MembershipSource | "auto",
  options: MembershipOptions,
): Memberships {
  if (source === "proc") return new ProcMemberships(options);
  try {
    return new KernelMemberships(options);
  } catch (error) {
    if (source === "rtnetlink") throw error;
    return new ProcMemberships(options);
  }
}
