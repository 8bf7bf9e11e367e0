/** What the growth of a counter means, and what helps. */

import type { Status } from "../finding.ts";

/** What the growth of a counter says. */
export interface Meaning {
  readonly counters: RegExp;
  readonly status: Extract<Status, "warning" | "failure">;
  /** What happens to packets. */
  readonly text: string;
  /** `IF` is the name of the interface, `SUBNET` that of its embedded subnet. */
  readonly remedy: string;
}

const RECEIVE_RING = "enlarge the receive ring: ipoib ethtool -G IF rx 8192";
const CABLE =
  "check the cable and the port at its other end: perfquery, iblinkinfo";

/** The counters of losses and errors. The first entry that matches applies. */
const MEANINGS: readonly Meaning[] = [
  {
    counters: /^tx_device_queue$/,
    status: "warning",
    text: "the queue of the network device overran",
    remedy:
      "programs send faster than ipoib reads: ipoib ethtool -G IF tx 10000, or send slower",
  },
  {
    counters: /^tx_(neighbour_queue|neighbour_failed|unreachable)$/,
    status: "warning",
    text: "packets to neighbours without an address were dropped",
    remedy:
      "a destination does not answer ARP or neighbour discovery: ipoib neigh show IF",
  },
  {
    counters: /^tx_path_/,
    status: "warning",
    text: "packets to peers without a path were dropped",
    remedy: "the administrator has no path to a peer: ipoib path show IF",
  },
  {
    counters: /^(tx_no_credit|port_xmit_no_credit)$/,
    status: "warning",
    text: "a peer does not take its packets",
    remedy:
      "its process is stopped or overloaded: ipoib subnet show SUBNET, ps",
  },
  {
    counters: /^(tx_no_slot|tx_waiting_full|tx_not_ready|port_xmit_not_ready)$/,
    status: "warning",
    text: "packets found no free buffer",
    remedy:
      "the interface is overloaded, or many destinations do not answer: ipoib neigh show IF",
  },
  {
    counters: /^(tx_group_|groups_refused$)/,
    status: "warning",
    text: "multicast packets were dropped because a group is not joined",
    remedy: "ipoib mcg show IF; --max-groups of ipoib up is the limit",
  },
  {
    counters: /^(tx_too_long|port_xmit_too_long)$/,
    status: "warning",
    text: "packets were longer than the path allows",
    remedy:
      "ICMP lowers the MTU of the kernel's route; multicast packets must fit the broadcast group: ipoib -d link show IF",
  },
  {
    counters: /^(rx_device_down|rx_device_refused)$/,
    status: "warning",
    text: "the kernel did not accept received packets",
    remedy:
      "the interface was set down, or its namespace is overloaded: ip -s link",
  },
  {
    counters:
      /^(port_rcv_no_buffer|port_rcv_not_ready|hca_(device_)?out_of_buffer|hca_rx_.*no_buf.*)$/,
    status: "failure",
    text: "received packets found no receive buffer",
    remedy: RECEIVE_RING,
  },
  {
    counters: /^(port_qkey_violations|hca_(device_)?.*qkey.*viol.*)$/,
    status: "failure",
    text: "packets arrived with another Q_Key",
    remedy:
      "a peer has joined a group of another Q_Key: compare ipoib mcg show on both hosts",
  },
  {
    counters:
      /^(port_pkey_violations|port_(xmit|rcv)_constraint_errors|hca_port_(xmit|rcv)_constraint_errors)$/,
    status: "failure",
    text: "packets were discarded because of their P_Key",
    remedy:
      "the ports are not members of one partition, or both are limited members: ipoib link show -d",
  },
  {
    counters: /^port_fault_/,
    status: "warning",
    text: "injected faults affected packets",
    remedy: "ipoib subnet fault SUBNET clear",
  },
  {
    counters: /^(port_links_(lost|failed|refused)|port_ring_violations)$/,
    status: "warning",
    text: "links to other ports of the embedded subnet ended",
    remedy:
      "a peer has ended, or has violated the protocol: see the log of the interface",
  },
  {
    counters:
      /^hca_(symbol_error|link_error_recovery|link_downed|port_rcv_(remote_physical_)?errors|local_link_integrity_errors|excessive_buffer_overrun_errors)$/,
    status: "failure",
    text: "the link has errors",
    remedy: CABLE,
  },
  {
    counters:
      /^hca_(port_xmit_discards|VL15_dropped|port_rcv_switch_relay_errors)$/,
    status: "warning",
    text: "the port discarded packets",
    remedy:
      "the fabric is congested, or its routes are wrong: perfquery, ibdiagnet",
  },
  {
    counters: /^(neighbours|peers|paths)_evicted$/,
    status: "warning",
    text: "a table is full, and evicts entries",
    remedy:
      "raise net.ipv4.neigh.default.gc_thresh3 and net.ipv6.neigh.default.gc_thresh3",
  },
  {
    counters: /^groups_evicted$/,
    status: "warning",
    text: "groups that are only sent to were left, because of the group limit",
    remedy: "raise --max-groups of ipoib up; see ipoib mcg show IF",
  },
  {
    counters: /^askers_evicted$/,
    status: "warning",
    text:
      "requests for addresses that the kernel has not answered were dropped",
    remedy:
      "the table has a fixed size; find out who sends so many: tcpdump -ni IF arp or icmp6",
  },
  {
    counters: /^memberships_lost$/,
    status: "warning",
    text: "another program has ended a membership of the port",
    remedy:
      "the interface has joined again; find out who uses the port: other users above",
  },
  {
    counters: /^(connections_failed|port_rc_failures)$/,
    status: "warning",
    text: "connections of connected mode failed",
    remedy:
      "a peer has ended, or the fabric loses packets: ipoib -d neigh show IF",
  },
  {
    counters:
      /^port_(mads_send_failed|mads_lost|send_errors|rcv_errors|post_failed|query_failed)$/,
    status: "failure",
    text: "the device reports errors",
    remedy: "see the log of the interface, and dmesg",
  },
  {
    counters: /^(tx|rx)_(malformed|unknown_type)$/,
    status: "warning",
    text: "packets were not valid IPoIB packets",
    remedy: "a program sends other protocols: tcpdump -ni IF",
  },
];

/** While the link is down, the network device drops all packets, and counts them as its queue does. */
const WHILE_DOWN: Meaning = {
  counters: /^tx_device_queue$/,
  status: "warning",
  text: "packets were sent while the link is down",
  remedy: "see the failures above",
};

/**
 * Returns the meaning of the growth of a counter; undefined if it is no fault. A drop without an entry has a general
 * meaning.
 */
export function meaningOf(
  name: string,
  { isDrop, running }: { isDrop: boolean; running: boolean },
): Meaning | undefined {
  if (!running && WHILE_DOWN.counters.test(name)) return WHILE_DOWN;
  const known = MEANINGS.find(({ counters }) => counters.test(name));
  return known ?? (isDrop ? OTHER_DROP : undefined);
}

const OTHER_DROP: Meaning = {
  counters: /^/,
  status: "warning",
  text: "packets were dropped",
  remedy: "see ipoib -s link show IF, and the log of the interface",
};
