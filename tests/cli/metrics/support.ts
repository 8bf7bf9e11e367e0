/** Records of interfaces for the tests of metrics. */
// deno-lint-ignore-file camelcase -- the keys are those of the records

import type { FiguresRecord, StatsRecord } from "../../../src/ipc/schema.ts";
import type { Handlers } from "../../../src/ipc/server.ts";
import { Statistics } from "../../../src/ipoib/statistics.ts";
import * as records from "../../ipc/records.ts";

export const figures: FiguresRecord = {
  ifname: "ib0",
  neighbours: { REACHABLE: 2, FAILED: 1 },
  peers: 2,
  paths: 3,
  paths_complete: 2,
  groups: { idle: 0, joining: 1, joined: 5, waiting: 0 },
  round_trips: { bounds: [0.001, 1], counts: [3, 2, 1], sum_seconds: 2.5 },
  memory_bytes: 80_000_000,
  started_ms: 1_700_000_000_500,
};

/** Returns a record with all counters of the interface, of value 0. */
export function stats(ifname = "ib0"): StatsRecord {
  const { drops, tables, connections } = new Statistics();
  return {
    ifname,
    stats64: records.link.stats64,
    drops: { ...drops.snapshot(), tx_device_queue: 0 },
    counters: {
      tx_frames: 7,
      tx_generated: 0,
      tx_waiting: 0,
      rx_received: 0,
      rx_frames: 0,
      rx_coalesced: 0,
      rx_writing: 0,
      rx_ignored: 0,
      rx_echoes: 0,
      rx_events: 0,
      tx_arp: 4,
      rx_arp: 5,
      tx_nd: 0,
      rx_nd: 0,
      tx_dhcp: 0,
      rx_dhcp: 0,
      ...tables.snapshot(),
      ...connections.snapshot(),
      port_xmit_packets: 9,
      port_links: 1,
      control_clients_ended: 0,
    },
  };
}

/** Handlers of a process with the interfaces `ib0` and, as a child, `ib0.8003`. */
export const handlers: Handlers = {
  "link.show": () => [records.link, records.childLink],
  "stats": () => [stats(), stats("ib0.8003")],
  "figures": () => [figures, { ...figures, ifname: "ib0.8003" }],
};
