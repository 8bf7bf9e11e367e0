/**
 * The metrics of the interfaces. Their names are fixed, and every interface has all of them, also those of value 0. Only
 * a parent has the counters and tables of the port, which depend on its kind, and those of its control socket and its
 * process.
 *
 * Peers and addresses are not labels unless requested: each value of a label is a time series of its own, and a host
 * with a thousand peers would have ten thousand. P_Key, GID and others that seldom change are labels of
 * `ipoib_interface_info` only, which a query joins by `interface`.
 */

import type {
  FiguresRecord,
  LinkRecord,
  StatsRecord,
} from "../../ipc/schema.ts";
import { RUNNING } from "../../ipc/schema.ts";
import {
  COUNTER_METRICS,
  type CounterMetric,
  GAUGE_METRICS,
  PORT_METRIC,
  PORT_PREFIX,
} from "./counters.ts";
import type { Family, Labels, Sample } from "./exposition.ts";
import { histogram, type Reading } from "./histogram.ts";

/** The records of one interface. */
export interface Measured {
  /** `interface`, and `netns` if all namespaces are shown. */
  readonly labels: Labels;
  readonly link: LinkRecord;
  readonly stats: StatsRecord;
  /** Undefined if the process is of a version without this record. */
  readonly figures?: FiguresRecord | undefined;
}

interface Metric extends Omit<Family, "samples"> {
  /** Returns the values; undefined if the interface has none. */
  of(measured: Measured): number | readonly Reading[] | undefined;
}

const PREFIX = "ipoib_";
/** Bytes per second of one megabit per second. */
const MBPS = 125_000;

const METRICS: readonly Metric[] = [
  {
    name: "interface",
    type: "info",
    help: "The interface: its port, partition, addresses and process.",
    of: ({ link }) => [{
      labels: {
        parent: link.link ?? "",
        pkey: link.pkey,
        mode: link.linkinfo.info_data.mode,
        hca: `${link.hca.device}/${link.hca.port}`,
        gid: link.gid,
        guid: link.hca.guid,
        version: link.version ?? "",
      },
      value: 1,
    }],
  },
  {
    name: "interface_running",
    type: "gauge",
    help:
      "1 if the interface can send and receive, 0 if a condition is missing.",
    of: ({ link }) => Number(link.state === RUNNING),
  },
  {
    name: "interface_carrier",
    type: "gauge",
    help: "1 if the network device has carrier.",
    of: ({ link }) => Number(link.flags.includes("LOWER_UP")),
  },
  {
    name: "interface_mtu_bytes",
    type: "gauge",
    unit: "bytes",
    help: "MTU of the network device.",
    of: ({ link }) => link.mtu,
  },
  {
    name: "port_active",
    type: "gauge",
    help: "1 if the port is in the state ACTIVE.",
    of: ({ link }) => Number(link.hca.port_state === "ACTIVE"),
  },
  {
    name: "port_rate_bytes_per_second",
    type: "gauge",
    help: "Rate of the port's link.",
    of: ({ link }) => link.hca.rate_mbps * MBPS,
  },
  {
    name: "receive_bytes",
    type: "counter",
    unit: "bytes",
    help: "Bytes of received packets, without the IPoIB header.",
    of: ({ stats }) => stats.stats64.rx.bytes,
  },
  {
    name: "transmit_bytes",
    type: "counter",
    unit: "bytes",
    help: "Bytes of sent packets, with the IPoIB header.",
    of: ({ stats }) => stats.stats64.tx.bytes,
  },
  {
    name: "receive_packets",
    type: "counter",
    help: "Received packets.",
    of: ({ stats }) => stats.stats64.rx.packets,
  },
  {
    name: "transmit_packets",
    type: "counter",
    help: "Sent packets; a large send is one.",
    of: ({ stats }) => stats.stats64.tx.packets,
  },
  {
    name: "receive_multicast_packets",
    type: "counter",
    help: "Received IP multicast packets, without broadcasts.",
    of: ({ stats }) => stats.stats64.rx.multicast,
  },
  {
    name: "receive_errors",
    type: "counter",
    help: "Malformed packets received.",
    of: ({ stats }) => stats.stats64.rx.errors,
  },
  {
    name: "transmit_errors",
    type: "counter",
    help: "Packets that exceed the MTU of their route.",
    of: ({ stats }) => stats.stats64.tx.errors,
  },
  {
    name: "receive_dropped_packets",
    type: "counter",
    help: "Received packets that were dropped, by reason.",
    of: ({ stats }) => dropsOf(stats, "rx_"),
  },
  {
    name: "transmit_dropped_packets",
    type: "counter",
    help: "Packets to send that were dropped, by reason.",
    of: ({ stats }) => dropsOf(stats, "tx_"),
  },
  ...metricsOf(COUNTER_METRICS, "counter"),
  ...metricsOf(GAUGE_METRICS, "gauge"),
  {
    ...PORT_METRIC,
    type: "counter",
    of: portCounters,
  },
  {
    name: "connections",
    type: "gauge",
    help: "Connections of connected mode, by who opened them.",
    of: ({ link: { connections: { active, passive } = NO_CONNECTIONS } }) => [
      { labels: { direction: "active" }, value: active },
      { labels: { direction: "passive" }, value: passive },
    ],
  },
  {
    name: "neighbours",
    type: "gauge",
    help: "Entries of the kernel's neighbour table, by state.",
    of: ({ figures }) =>
      figures &&
      NEIGHBOUR_STATES.map((state) => ({
        labels: { state: state.toLowerCase() },
        value: figures.neighbours[state] ?? 0,
      })),
  },
  {
    name: "peers",
    type: "gauge",
    help: "Link-layer addresses to which the interface sends.",
    of: ({ figures }) => figures?.peers,
  },
  {
    name: "paths",
    type: "gauge",
    help: "Paths to other ports, by whether the administrator returned one.",
    of: ({ figures }) =>
      figures && [
        { labels: { state: "complete" }, value: figures.paths_complete },
        {
          labels: { state: "incomplete" },
          value: figures.paths - figures.paths_complete,
        },
      ],
  },
  {
    name: "groups",
    type: "gauge",
    help: "Multicast groups, by progress of the join.",
    of: ({ figures }) =>
      figures &&
      Object.entries(figures.groups).map(([state, value]) => ({
        labels: { state },
        value,
      })),
  },
  {
    name: "neighbour_round_trip_seconds",
    type: "histogram",
    unit: "seconds",
    help: "Time from a unicast probe of a neighbour to its reply.",
    of: ({ figures }) =>
      figures &&
      histogram(figures.round_trips, figures.round_trips.bounds),
  },
  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    unit: "bytes",
    help: "Resident memory of the process of a parent and its children.",
    of: ({ link, figures }) =>
      isChild(link) ? undefined : figures?.memory_bytes,
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    unit: "seconds",
    help:
      "Start of the process of a parent and its children, in seconds since 1970.",
    of: ({ link, figures }) =>
      isChild(link) ? undefined : figures && figures.started_ms / 1000,
  },
];

const NO_CONNECTIONS = { active: 0, passive: 0 };
/** The states of the kernel's neighbours. */
const NEIGHBOUR_STATES = [
  ...["INCOMPLETE", "REACHABLE", "STALE", "DELAY"] as const,
  ...["PROBE", "FAILED", "NOARP", "PERMANENT"] as const,
];

/** Returns the families of all metrics of the interfaces, also those without a sample. */
export function interfaceFamilies(all: readonly Measured[]): Family[] {
  const families = new Map<string, Family & { samples: Sample[] }>();
  for (const { of, name: short, ...rest } of METRICS) {
    const name = PREFIX + short;
    let family = families.get(name);
    if (!family) families.set(name, family = { name, ...rest, samples: [] });
    for (const measured of all) {
      const values = of(measured);
      const readings = typeof values === "number"
        ? [{ value: values }]
        : values ?? [];
      for (const { labels, ...reading } of readings) {
        family.samples.push({
          labels: { ...measured.labels, ...labels },
          ...reading,
        });
      }
    }
  }
  return [...families.values()];
}

/**
 * Returns the metrics of named counters. A name may have several, with different labels. Those of the port, which a
 * parent and its children share, are left out for a child.
 */
function metricsOf(
  metrics: Readonly<Record<string, CounterMetric>>,
  type: "counter" | "gauge",
): Metric[] {
  return Object.entries(metrics).map(([counter, { name, help, labels }]) => ({
    name,
    help,
    type,
    of: ({ link, stats }) => {
      if (isOfPort(counter) && isChild(link)) return undefined;
      const value = stats.counters[counter];
      if (value === undefined) return undefined;
      return labels ? [{ labels, value }] : value;
    },
  }));
}

/** Returns the counters of the port. */
function portCounters({ link, stats }: Measured): Reading[] {
  if (isChild(link)) return [];
  return Object.entries(stats.counters)
    .filter(([name]) => isOfPort(name) && !(name in GAUGE_METRICS))
    .map(([event, value]) => ({ labels: { event }, value }));
}

function isChild({ link }: LinkRecord): boolean {
  return link !== undefined;
}

function isOfPort(counter: string): boolean {
  return PORT_PREFIX.test(counter);
}

function dropsOf({ drops }: StatsRecord, prefix: string): Reading[] {
  return Object.entries(drops).filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => ({
      labels: { reason: name.slice(prefix.length) },
      value,
    }));
}
