/**
 * What an interface counts: the kernel's statistics with ib_ipoib's semantics, and every dropped packet by reason.
 *
 * rx_bytes is the length of the IP packets; tx_bytes has the 4-byte header with it (Linux ipoib_ib.c). A
 * large send counts once. `multicast` counts multicast receives, broadcasts not among them.
 */

import { Errno } from "../base/errno.ts";
import { Counters } from "../base/counters.ts";

const names = [
  "rx_packets",
  "rx_bytes",
  "rx_errors",
  "rx_dropped",
  "multicast",
  "tx_packets",
  "tx_bytes",
  "tx_errors",
  "tx_dropped",
] as const;

const reasons = [
  "tx_ipv6",
  "tx_unknown_type",
  "tx_malformed",
  "tx_no_route",
  "tx_link_down",
  "tx_waiting_full",
  "tx_neighbour_queue",
  "tx_neighbour_failed",
  "tx_path_queue",
  "tx_path_failed",
  "tx_group_queue",
  "tx_group_failed",
  "tx_group_limit",
  "tx_too_long",
  "tx_unreachable",
  "tx_no_credit",
  "tx_not_ready",
  "tx_no_slot",
  "rx_ipv6",
  "rx_unknown_type",
  "rx_malformed",
  "rx_device_down",
  "rx_device_refused",
] as const;

/** What happens to entries of bounded tables, other than packets dropped. */
const tables = [
  "neighbours_evicted",
  "peers_evicted",
  "paths_evicted",
  "paths_not_asked",
  "askers_evicted",
  "next_hops_cleared",
  "groups_refused",
  "groups_evicted",
  "memberships_lost",
] as const;

export type DropReason = typeof reasons[number];

/** Why the device did not take a packet, by the positive errno of the write. */
export function refusal(errno: number): DropReason {
  return errno === Errno.EIO ? "rx_device_down" : "rx_device_refused";
}

/** Positions in `Statistics.totals.values`, for the data path. */
export const Stat = {
  RxPackets: names.indexOf("rx_packets"),
  RxBytes: names.indexOf("rx_bytes"),
  Multicast: names.indexOf("multicast"),
  TxPackets: names.indexOf("tx_packets"),
  TxBytes: names.indexOf("tx_bytes"),
} as const;

export class Statistics {
  readonly totals = new Counters(names);
  readonly drops = new Counters(reasons);
  readonly tables = new Counters(tables);
  /** Own multicast packets that came back: not an error, not a receive. */
  echoes = 0;
  /** ARP packets by what was done with them. */
  arpReceived = 0;
  arpSent = 0;

  /** Counts a dropped packet, in the total of its direction too. */
  drop(reason: DropReason, packets = 1): void {
    this.drops.add(reason, packets);
    this.totals.add(
      reason.startsWith("tx_") ? "tx_dropped" : "rx_dropped",
      packets,
    );
  }

  /** The reasons that were met at least once. */
  dropsByReason(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.drops.snapshot()).filter(([, count]) => count > 0),
    );
  }
}
