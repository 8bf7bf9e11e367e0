/**
 * What a port on verbs counts. Of each queue `posted` = `completed` + `abandoned` + what is under way (`outstanding`); a queue
 * pair abandons what is under way when it is reset after an error or closed.
 */

import { Counters } from "../../base/counters.ts";

const names = [
  "posted",
  "completed",
  "abandoned",
  "send_errors",
  "post_failed",
  "rcv_posted",
  "rcv_completed",
  "rcv_abandoned",
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
  "mads_no_agent",
] as const;

/** Positions in `values`, for the data path. */
export const Count = {
  Posted: 0,
  Completed: 1,
  Abandoned: 2,
  SendErrors: 3,
  PostFailed: 4,
  ReceivesPosted: 5,
  ReceivesCompleted: 6,
  ReceivesAbandoned: 7,
  ReceivedPackets: 8,
  ReceiveErrors: 9,
  TooShort: 10,
  CqEvents: 12,
} as const;

export class VerbsCounters extends Counters<typeof names[number]> {
  constructor() {
    super(names);
  }
}
