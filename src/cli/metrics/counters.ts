/** The counters of a statistics record: their metrics and help texts. Names without the prefix `ipoib_`. */

/** Metric of a counter: its name without `_total`, its help, and a label if several counters share the name. */
export interface CounterMetric {
  readonly name: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Metrics of the counters of an interface, by the names of `ipoib ethtool -S`. */
export const COUNTER_METRICS: Readonly<Record<string, CounterMetric>> = {
  "tx_frames": {
    name: "transmit_frames",
    help: "Frames read from the network device.",
  },
  "tx_generated": {
    name: "transmit_generated_packets",
    help: "Address resolution packets that ipoib itself has made.",
  },
  "rx_received": {
    name: "receive_completed_packets",
    help: "Packets taken from the queue pairs, before any check.",
  },
  "rx_frames": {
    name: "receive_frames",
    help: "Frames that the network device has accepted.",
  },
  "rx_coalesced": {
    name: "receive_coalesced_packets",
    help: "Packets that reached the network device as part of another frame.",
  },
  "rx_ignored": {
    name: "receive_ignored_packets",
    help: "Valid address resolution packets that are not for the kernel.",
  },
  "rx_echoes": {
    name: "receive_echoed_packets",
    help: "Received copies of the interface's own multicast packets.",
  },
  "rx_events": {
    name: "receive_events",
    help: "Receive events that delivered packets.",
  },
  ...resolution("arp"),
  ...resolution("nd"),
  ...resolution("dhcp"),
  "neighbours_evicted": {
    name: "neighbours_evicted",
    help: "Neighbours removed because the table was full.",
  },
  "peers_evicted": {
    name: "peers_evicted",
    help: "Peers removed because the table was full.",
  },
  "paths_evicted": {
    name: "paths_evicted",
    help: "Paths removed because the table was full.",
  },
  "paths_not_asked": {
    name: "path_queries_withheld",
    help: "Path queries that were not sent, because too many were pending.",
  },
  "paths_queried": {
    name: "path_queries",
    help: "Path queries to the subnet administrator.",
  },
  "paths_found": {
    name: "path_queries_answered",
    help: "Path queries that have returned a path.",
  },
  "askers_evicted": {
    name: "askers_evicted",
    help: "Unanswered requesters removed because the table was full.",
  },
  "next_hops_cleared": {
    name: "next_hop_cache_clears",
    help: "Times that the full next-hop cache was cleared.",
  },
  "groups_refused": {
    name: "groups_refused",
    help: "Multicast groups not joined because of the group limit.",
  },
  "groups_evicted": {
    name: "groups_evicted",
    help: "Send-only groups left because of the group limit.",
  },
  "memberships_lost": {
    name: "memberships_lost",
    help: "Group memberships that the subnet administrator had lost.",
  },
  "connections_opened": {
    name: "connections_opened",
    help: "Connections to peers that were established.",
  },
  "connections_accepted": {
    name: "connections_accepted",
    help: "Connections of peers that were accepted.",
  },
  "connections_failed": {
    name: "connections_failed",
    help: "Connections that failed, and attempts to connect that failed.",
  },
  "connections_rejected": {
    name: "connections_rejected",
    help: "Attempts to connect that a peer rejected.",
  },
  "connections_refused": {
    name: "connections_refused",
    help: "Connections of peers that were refused.",
  },
  "connections_idle": {
    name: "connections_idle_closed",
    help: "Connections closed because they were not used.",
  },
  "connections_evicted": {
    name: "connections_evicted",
    help: "Connections of peers that were ended for a new one, at the limit.",
  },
  "connections_fallbacks": {
    name: "connections_fallbacks",
    help: "Peers that are reached as datagrams only for some time.",
  },
  "too_big_sent": {
    name: "too_big_messages_sent",
    help: "ICMP messages about packets that exceed the MTU of their route.",
  },
  "too_big_limited": {
    name: "too_big_messages_withheld",
    help: "Such ICMP messages that were not sent, to limit their rate.",
  },
  "control_clients_ended": {
    name: "control_clients_ended",
    help: "Clients that the control socket has disconnected.",
  },
};

/** Metrics of values that are no counters, in the same record. */
export const GAUGE_METRICS: Readonly<Record<string, CounterMetric>> = {
  "tx_waiting": {
    name: "transmit_waiting_packets",
    help: "Packets that wait for an address, a path or a join.",
  },
  "rx_writing": {
    name: "receive_writing_packets",
    help: "Packets being written to the network device.",
  },
  "port_links": {
    name: "port_links",
    help: "Links from other ports of the embedded subnet.",
  },
  "port_rc_qps": {
    name: "port_rc_queue_pairs",
    help: "Connected queue pairs of the port.",
  },
  "port_outstanding": {
    name: "port_outstanding_sends",
    help: "Send requests that the device has not completed.",
  },
  "port_rcv_outstanding": {
    name: "port_outstanding_receives",
    help: "Receive requests that wait for packets.",
  },
  "port_cm_connections": {
    name: "port_connections",
    help: "Connections of the connection manager of the port.",
  },
  "port_cm_ended_connections": {
    name: "port_connections_ending",
    help: "Connections that have ended and whose numbers are not free yet.",
  },
};

/** Prefix of the counters of the port and of its device, which are one metric with the label `event`. */
export const PORT_PREFIX = /^(port|hca)_/;

export const PORT_METRIC: CounterMetric = {
  name: "port_events",
  help:
    "Counters of the port and its device, by their names in ipoib ethtool -S.",
};

/** Returns the metrics of the packets of one protocol, which share their names. */
function resolution(protocol: string): Record<string, CounterMetric> {
  const labels = { protocol };
  return {
    [`tx_${protocol}`]: {
      name: "transmit_resolution_packets",
      help: "ARP, neighbour discovery and changed DHCP packets sent.",
      labels,
    },
    [`rx_${protocol}`]: {
      name: "receive_resolution_packets",
      help: "Valid ARP, neighbour discovery and changed DHCP packets received.",
      labels,
    },
  };
}
