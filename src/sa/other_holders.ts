/**
 * The other users of a port's memberships. The administrator keeps one membership for each port and group, whoever on the host
 * asked for it (IBTA vol. 1 15.2.5.17), so a leave takes the group from all of them.
 */

import type { McMemberRecord } from "../wire/sa/mc_member_record.ts";

/** A membership: MGID and join state of the record. */
export type Membership = Pick<McMemberRecord, "mgid" | "joinState">;

/** Who else holds a membership. */
export type Others =
  /** Nobody that is known. */
  | "none"
  /** Another process of this program, which leaves the group when it is the last one. */
  | "process"
  /** The kernel's ib_ipoib, as far as can be told. */
  | "kernel";

export interface OtherHolders {
  /** Lets other processes know that this one holds the membership. */
  hold(membership: Membership): void;
  /** If nobody else holds it, nobody is taken to hold it until {@linkcode free}; else it is free. */
  tryLeave(membership: Membership): Others;
  /** Ends what {@linkcode hold} or {@linkcode tryLeave} began. */
  free(membership: Membership): void;
}

/** Of a port that no one else uses, such as one of the embedded subnet. */
export const NO_OTHER_HOLDERS: OtherHolders = {
  hold: () => {},
  tryLeave: () => "none",
  free: () => {},
};
