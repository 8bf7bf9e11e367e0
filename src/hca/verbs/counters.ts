/**
 * The counters of a port on verbs.
 *
 * For each direction `posted` = `completed` + `abandoned` + `outstanding`, where the names of receives have the prefix
 * `rcv_` and `outstanding` is added by the port (port.ts). A queue pair abandons its outstanding requests when it is
 * reset after an error or closed. A large send counts once for each segment.
 *
 * Each sent MAD is counted once: in `mads_sent`, or in `mads_send_failed` if libibumad has refused it, or in `mads_lost`
 * if it could not be passed to the libibumad worker. Each received MAD is counted in `mads_received`, and there also in
 * `mads_no_agent` if its class has no agent; or in `mads_dropped` if the worker could not pass it to the port, which was
 * too busy to read it, or if it is a response to no request.
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
  "mads_send_failed",
  "mads_no_agent",
  "mads_dropped",
  "query_failed",
  "xmit_no_credit",
  "xmit_malformed",
] as const;

/** Indices into `values`, for the data path. */
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

/** The counters of one port. */
export class VerbsCounters extends Counters<typeof names[number]> {
  constructor() {
    super(names);
  }
}
