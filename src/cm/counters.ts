/** The counters of the connection manager. */

import { Counters } from "../base/counters.ts";

const NAMES = [
  "req_sent",
  "req_received",
  "rep_sent",
  "rep_received",
  "rej_sent",
  "rej_received",
  "dreq_sent",
  "dreq_received",
  "established",
  "retransmitted",
  /** Messages that the device has refused, with and without a connection. */
  "send_failed",
  "timeout",
  "stale",
  /** Messages that repeat an earlier one. */
  "duplicate",
  /** REQs refused because of the limit of connections. */
  "refused_limit",
  // Dropped messages, by reason.
  "drop_malformed",
  "drop_unknown_attribute",
  "drop_unknown_id",
  "drop_wrong_source",
  "drop_wrong_qpn",
  "drop_wrong_state",
  "drop_pending_limit",
] as const;

export type CmCounter = typeof NAMES[number];
export type CmCounters = Counters<CmCounter>;

export function createCounters(): CmCounters {
  return new Counters(NAMES);
}
