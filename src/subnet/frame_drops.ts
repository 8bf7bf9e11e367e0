/** Counters of the received frames that the manager has dropped, by reason. */

import { Counters } from "../base/counters.ts";

const reasons = [
  /** Neither a control message nor a MAD. */
  "malformed",
  "not_registered",
  "port_down",
  "wrong_qpn",
  "wrong_qkey",
  "wrong_pkey",
  /** No active port of the sender's partition has the destination LID. */
  "no_destination",
  "mad_version",
  /** A class other than the administrator's at its LID, or the administrator's class at another LID. */
  "mad_class",
] as const;

/** A reason to drop a frame. */
export type DropReason = typeof reasons[number];

/** A reason to drop a MAD, with a description for the log. */
export interface Drop {
  reason: DropReason;
  text: string;
}

export class FrameDrops extends Counters<DropReason> {
  constructor() {
    super(reasons);
  }
}
