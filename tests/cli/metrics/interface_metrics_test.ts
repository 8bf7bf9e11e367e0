/** The metrics of interfaces. */
// deno-lint-ignore-file camelcase -- the keys are those of the records

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  COUNTER_METRICS,
  GAUGE_METRICS,
  PORT_PREFIX,
} from "../../../src/cli/metrics/counters.ts";
import { sampleName } from "../../../src/cli/metrics/exposition.ts";
import { interfaceFamilies } from "../../../src/cli/metrics/interface_metrics.ts";
import {
  MAX_PEERS,
  peerFamilies,
  peersOf,
} from "../../../src/cli/metrics/peer_metrics.ts";
import * as records from "../../ipc/records.ts";
import { figures, stats } from "./support.ts";

const labels = { interface: "ib0" };
const measured = { labels, link: records.link, stats: stats(), figures };

/** Returns the samples of a metric as `labels value`. */
function samples(name: string): string[] {
  const family = interfaceFamilies([measured]).find((each) =>
    sampleName(each) === name
  );
  assert(family, name);
  return family.samples.map(({ suffix = "", labels, value }) =>
    `${suffix} ${
      Object.entries(labels).slice(1).map((pair) => pair.join("=")).join(" ")
    } ${value}`.trim().replace("  ", " ")
  );
}

Deno.test("every counter of an interface has a metric", () => {
  const unknown = Object.keys(stats().counters).filter((name) =>
    !(name in COUNTER_METRICS) && !(name in GAUGE_METRICS) &&
    !PORT_PREFIX.test(name)
  );
  assertEquals(unknown, []);
});

Deno.test("an interface has all metrics, those of value 0 too", () => {
  const families = interfaceFamilies([measured]);
  for (const { name, help, samples } of families) {
    assertMatch(name, /^ipoib_[a-z_]+$/);
    assertMatch(help, /^[A-Z1].*\.$/);
    const optional = /^ipoib_port_(rc|outstanding|connections)/.test(name);
    assert(samples.length > 0 || optional, `${name} has no sample`);
  }
  const names = families.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const { drops } = stats();
  assertEquals(
    samples("ipoib_transmit_dropped_packets_total").length +
      samples("ipoib_receive_dropped_packets_total").length,
    Object.keys(drops).length,
  );
});

Deno.test("metrics without an interface are described", () => {
  const families = interfaceFamilies([]);
  assertEquals(
    families.map(({ name }) => name),
    interfaceFamilies([measured]).map(({ name }) => name),
  );
});

Deno.test("values have base units and labels", () => {
  assertEquals(samples("ipoib_transmit_bytes_total"), ["123456789012"]);
  assertEquals(samples("ipoib_port_rate_bytes_per_second"), ["12500000000"]);
  assertEquals(samples("ipoib_process_start_time_seconds"), ["1700000000.5"]);
  assertEquals(samples("ipoib_transmit_resolution_packets_total").slice(0, 2), [
    "protocol=arp 4",
    "protocol=nd 0",
  ]);
  assertEquals(samples("ipoib_port_events_total"), [
    "event=port_xmit_packets 9",
  ]);
  assertEquals(samples("ipoib_port_links"), ["1"]);
  assertEquals(samples("ipoib_neighbours").slice(0, 3), [
    "state=incomplete 0",
    "state=reachable 2",
    "state=stale 0",
  ]);
  assertEquals(samples("ipoib_paths"), [
    "state=complete 2",
    "state=incomplete 1",
  ]);
});

Deno.test("the buckets of the histogram are cumulated", () => {
  assertEquals(samples("ipoib_neighbour_round_trip_seconds"), [
    "_bucket le=0.001 3",
    "_bucket le=1.0 5",
    "_bucket le=+Inf 6",
    "_sum 2.5",
    "_count 6",
  ]);
});

Deno.test("a child does not repeat the counters and the gauges of the port, nor those of the process", () => {
  const child = {
    ...measured,
    link: records.childLink,
    stats: {
      ...measured.stats,
      counters: Object.fromEntries([
        ...Object.entries(measured.stats.counters),
        ...Object.keys(GAUGE_METRICS).map((name) => [name, 1]),
      ]),
    },
  };
  const shown = interfaceFamilies([child])
    .filter(({ samples }) => samples.length > 0)
    .map(({ name }) => name);
  // Those of the port's state are attributes of each interface on it.
  assertEquals(shown.filter((name) => name.startsWith("ipoib_port_")), [
    "ipoib_port_active",
    "ipoib_port_rate_bytes_per_second",
  ]);
  assert(shown.includes("ipoib_transmit_waiting_packets"));
  assertEquals(
    shown.filter((name) => name.startsWith("ipoib_process_")),
    [],
  );
});

Deno.test("a process of a version without figures has the other metrics", () => {
  const { figures: _, ...old } = measured;
  const families = interfaceFamilies([old]);
  const of = (name: string) =>
    families.find((family) => family.name === name)!.samples.length;
  assertEquals([of("ipoib_peers"), of("ipoib_receive_bytes")], [0, 1]);
});

Deno.test("another address of a peer changes the info metric, but no time series", () => {
  const [neighbour] = records.neighbours;
  const of = (...addresses: string[]) => {
    const neighbours = addresses.map((dst) => ({
      ...neighbour!,
      ...{ dst, rx_bytes: 5, tx_bytes: 6, rx_packets: 1, tx_packets: 1 },
    }));
    return peerFamilies([{ labels, neighbours, bounds: [] }]);
  };
  const [before, after] = [of("10.0.0.9"), of("10.0.0.9", "10.0.0.2")];
  const series = (families: typeof before) =>
    families.filter(({ type }) => type !== "info");
  assertEquals(series(before), series(after));
  const [info] = after.filter(({ type }) => type === "info");
  assertEquals(info!.samples, [{
    labels: {
      interface: "ib0",
      gid: "fe80:0:0:0:2:c903:0:2",
      lladdr: records.neighbours[0]!.lladdr!,
      peer: "10.0.0.2",
    },
    value: 1,
  }]);
});

Deno.test("a peer has one label of its addresses, and those with most traffic are kept", () => {
  const [neighbour] = records.neighbours;
  const traffic = { rx_bytes: 5, tx_bytes: 6, rx_packets: 1, tx_packets: 1 };
  const of = (dst: string, lladdr: string, bytes = 5) => ({
    ...neighbour!,
    ...traffic,
    rx_bytes: bytes,
    dst,
    lladdr,
  });
  const peers = peersOf([
    of("fe80::2", "a"),
    of("10.0.0.9", "a"),
    of("10.0.0.2", "a"),
    of("10.0.0.3", "b", 100),
    // Its link-layer address is not known.
    records.neighbours[1]!,
  ]);
  assertEquals(peers.map(({ dst }) => dst), ["10.0.0.3", "10.0.0.2"]);
  const many = Array.from(
    { length: MAX_PEERS + 9 },
    (_, i) => of(`10.0.${i >> 8}.${i & 255}`, `${i}`, i),
  );
  const family = peerFamilies([{ labels, neighbours: many, bounds: [] }])
    .find(({ name }) => name === "ipoib_peer_receive_bytes");
  assertEquals(family!.samples.length, MAX_PEERS);
  assertEquals(family!.samples[0]!.value, MAX_PEERS + 8);
  assertEquals(family!.samples[0]!.labels.interface, "ib0");
});
