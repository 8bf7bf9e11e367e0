/** What a port on verbs counts. `posted` is always `completed` and what is under way together. */

import { Counters } from "../../base/counters.ts";

const names = [
  "posted",
  "completed",
  "send_errors",
  "post_failed",
  "rcv_packets",
  "rcv_errors",
  "rcv_too_short",
  "recoveries",
  "cq_events",
  "xmit_too_long",
  "xmit_not_ready",
  "mads_sent",
  "mads_received",
  "mads_lost",
] as const;

/** Positions in `values`, for the data path. */
export const Count = {
  Posted: 0,
  Completed: 1,
  SendErrors: 2,
  PostFailed: 3,
  ReceivedPackets: 4,
  ReceiveErrors: 5,
  TooShort: 6,
  CqEvents: 8,
} as const;

export class VerbsCounters extends Counters<typeof names[number]> {
  constructor() {
    super(names);
  }
}
