/**
 * Interface to the other users of a port's memberships. The administrator keeps one membership for each port and group,
 * shared by all processes of the host (IBTA vol. 1 15.2.5.17), so a leave by one of them ends it for all.
 */

import type { McMemberRecord } from "../wire/sa/mc_member_record.ts";

/** A membership: MGID and join state of the record. */
export type Membership = Pick<McMemberRecord, "mgid" | "joinState">;

/** The other holder of a membership. */
export type Others =
  /** No other holder is detected. */
  | "none"
  /** Another process of this program. The last process leaves the group. */
  | "process"
  /** Probably the kernel's ib_ipoib: it has an interface on the port and P_Key. */
  | "kernel";

export interface OtherHolders {
  /** Announces to other processes that this process holds the membership. */
  hold(membership: Membership): void;
  /**
   * Returns the other holder. Ends the hold of this process; if the result is "none", claims the membership for the
   * leave, which keeps other processes from holding it until {@linkcode free}.
   */
  tryLeave(membership: Membership): Others;
  /** Ends a hold or the claim of {@linkcode tryLeave}. */
  free(membership: Membership): void;
}

/** For a port with no other users, such as a port of the embedded subnet. */
export const NO_OTHER_HOLDERS: OtherHolders = {
  hold: () => {},
  tryLeave: () => "none",
  free: () => {},
};
