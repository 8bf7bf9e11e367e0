/**
 * The counters of a port of the embedded HCA: traffic, undelivered packets by reason, failed connections and links, and
 * packet faults.
 * The constraint errors are those of IBTA vol. 1 16.1.3.5: packets that partition enforcement discards when they are
 * sent or received.
 */

import { Counters } from "../../base/counters.ts";

const portCounterNames = [
  "xmit_packets",
  "rcv_packets",
  "multicast_xmit_packets",
  "multicast_rcv_packets",
  "pkey_violations",
  "qkey_violations",
  "bad_lid",
  "bad_gid",
  "bad_qpn",
  "bad_length",
  "bad_header",
  "multicast_filtered",
  "rcv_no_buffer",
  "rcv_not_ready",
  "cq_events",
  "mads_no_agent",
  "mads_dropped",
  "xmit_too_long",
  "xmit_no_credit",
  "xmit_unreachable",
  "xmit_not_ready",
  "xmit_constraint_errors",
  "rcv_constraint_errors",
  "rc_duplicates",
  "rc_out_of_sequence",
  "rc_not_connected",
  "rc_retransmitted",
  "rc_failures",
  "ring_violations",
  "links_lost",
  "links_refused",
  "links_failed",
  "fault_drop",
  "fault_delay",
  "fault_duplicate",
  "fault_reorder",
  "fault_rate",
  "fault_overflow",
] as const;

export type PortCounterName = typeof portCounterNames[number];

/** The counters of one port. */
export class PortCounters extends Counters<PortCounterName> {
  constructor() {
    super(portCounterNames);
  }
}

/** Returns the index of a counter in `values`, so that the data path need not look up the name. */
export function counterIndex(name: PortCounterName): number {
  return portCounterNames.indexOf(name);
}
