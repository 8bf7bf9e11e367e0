/**
 * Counters of an interface: network device statistics with ib_ipoib's semantics, and drops by reason.
 *
 * rx_bytes excludes the 4-byte IPoIB header, tx_bytes includes it (Linux ipoib_ib.c). A large send counts as one
 * packet with the bytes of its payload, without any header. `multicast` counts received IP multicast packets, those of
 * neighbour discovery too, but neither broadcasts nor ARP packets. tx_errors counts packets over the MTU of their route,
 * which are dropped, and failed reads of the network device.
 *
 * Everything that goes in comes out, or is counted by the reason why not. *Frames* are those of the network device,
 * *packets* those of the queue pairs. Between the turns of the reactor,
 *
 *     tx_frames + tx_generated = tx_packets + tx_waiting + tx_dropped - tx_device_queue
 *     rx_received              = rx_packets + rx_writing + rx_echoes + rx_dropped
 *     rx_packets               = rx_frames + rx_coalesced - too_big_sent + rx_ignored
 *
 * and tx_dropped and rx_dropped are the sums of the drops by reason. tx_waiting is the number of packets that wait for
 * an address, a path or a join, rx_writing that of the packets in frames without a result of the write. tx_device_queue
 * counts frames that the kernel has dropped, so that they never arrived as tx_frames. While no packet is in motion, the
 * kernel's own counters of the device (`ip -s link`) equal tx_frames and rx_frames.
 */

import { Errno } from "../base/errno.ts";
import { Counters } from "../base/counters.ts";
import { DropObservers } from "./drop_observers.ts";

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
  /** Frames read from the network device. */
  "tx_frames",
  /** Packets of address resolution that the interface itself has made: announcements and requests. */
  "tx_generated",
  /** Packets taken from the queue pair, of connections too. */
  "rx_received",
  /** Frames that the network device has accepted. */
  "rx_frames",
  /** Packets that the device has accepted as part of a frame that starts with another packet (offload/). */
  "rx_coalesced",
  /** Valid packets of address resolution that are not passed to the kernel. */
  "rx_ignored",
  /** Received copies of the interface's own multicast packets. */
  "rx_echoes",
  /** Receive events that delivered packets. */
  "rx_events",
] as const;

/** The reasons of drops. */
export const DROP_REASONS = [
  "tx_unknown_type",
  "tx_malformed",
  "tx_no_route",
  "tx_link_down",
  "tx_waiting_full",
  "tx_neighbour_queue",
  "tx_neighbour_failed",
  "tx_path_queue",
  "tx_path_failed",
  "tx_connection_queue",
  "tx_connection_failed",
  "tx_group_queue",
  "tx_group_failed",
  "tx_group_limit",
  "tx_too_long",
  "tx_unreachable",
  "tx_no_credit",
  "tx_not_ready",
  "tx_no_slot",
  "rx_unknown_type",
  "rx_malformed",
  "rx_device_down",
  "rx_device_refused",
] as const;

/** Path queries, evictions and refusals of bounded tables, and lost multicast memberships. */
const tables = [
  "neighbours_evicted",
  "peers_evicted",
  "paths_evicted",
  "paths_not_asked",
  /** Path queries to the administrator, and those that have returned a path. */
  "paths_queried",
  "paths_found",
  "askers_evicted",
  "next_hops_cleared",
  "groups_refused",
  "groups_evicted",
  "memberships_lost",
] as const;

/** Connections of connected mode (connected/), and ICMP messages about packets that are too long. */
const connections = [
  "connections_opened",
  "connections_accepted",
  "connections_failed",
  "connections_rejected",
  "connections_refused",
  "connections_idle",
  /** Connections of other hosts that ended for a new one, at the limit. */
  "connections_evicted",
  "connections_fallbacks",
  "too_big_sent",
  "too_big_limited",
] as const;

export type DropReason = typeof DROP_REASONS[number];

/** Returns the drop reason for a write that the network device refused with a positive errno. */
export function refusal(errno: number): DropReason {
  return errno === Errno.EIO ? "rx_device_down" : "rx_device_refused";
}

/** Indexes into `Statistics.totals.values`, for the data path. */
export const Stat = {
  RxPackets: names.indexOf("rx_packets"),
  RxBytes: names.indexOf("rx_bytes"),
  Multicast: names.indexOf("multicast"),
  TxPackets: names.indexOf("tx_packets"),
  TxBytes: names.indexOf("tx_bytes"),
  TxFrames: names.indexOf("tx_frames"),
  RxReceived: names.indexOf("rx_received"),
  RxFrames: names.indexOf("rx_frames"),
  RxCoalesced: names.indexOf("rx_coalesced"),
  RxIgnored: names.indexOf("rx_ignored"),
  RxEchoes: names.indexOf("rx_echoes"),
  RxEvents: names.indexOf("rx_events"),
} as const;

export class Statistics {
  readonly totals = new Counters(names);
  readonly drops = new Counters(DROP_REASONS);
  readonly tables = new Counters(tables);
  readonly connections = new Counters(connections);
  /** The observers of dropped packets. A post that fails is passed to the observers of the port instead. */
  readonly dropObservers = new DropObservers();
  /** Valid received ARP packets, including ignored ones, except those that the device refused. */
  arpReceived = 0;
  /** ARP packets handed to an egress. */
  arpSent = 0;
  /** Valid received neighbour discovery messages, including ignored ones, except those that the device refused. */
  ndReceived = 0;
  /** Neighbour discovery messages handed to an egress. */
  ndSent = 0;
  /** DHCP replies that were changed for a client of this host, and requests that were changed for the link. */
  dhcpReceived = 0;
  dhcpSent = 0;

  /** Counts dropped packets by reason and in the total of their direction. */
  drop(reason: DropReason, packets = 1): void {
    this.drops.add(reason, packets);
    this.totals.add(
      reason.startsWith("tx_") ? "tx_dropped" : "rx_dropped",
      packets,
    );
  }

  /** Returns the nonzero drop counters. */
  dropsByReason(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.drops.snapshot()).filter(([, count]) => count > 0),
    );
  }
}
