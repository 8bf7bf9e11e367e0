/** The check of the counters that grew. */

// deno-lint-ignore-file camelcase -- the keys are names of counters

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { counterChecks } from "../../../src/doctor/checks/counter_checks.ts";
import { meaningOf } from "../../../src/doctor/checks/counter_meanings.ts";
import { PortCounters } from "../../../src/hca/soft/port_counters.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { Statistics } from "../../../src/ipoib/statistics.ts";
import { testChecks } from "../check_cases.ts";
import * as facts from "../facts.ts";

const { iface } = facts;

testChecks(counterChecks, iface, {
  counters: [
    [
      facts.grown("tx_device_queue", 3),
      "warning",
      "overran (tx_device_queue +3)",
    ],
    [facts.grown("hca_out_of_buffer", 5), "failure", "ethtool -G ib0 rx 8192"],
    [facts.grown("port_rcv_no_buffer", 5), "failure", "no receive buffer"],
    [facts.grown("port_qkey_violations", 1), "failure", "another Q_Key"],
    [facts.grown("port_pkey_violations", 1), "failure", "their P_Key"],
    [
      facts.grown("port_fault_drop", 1),
      "warning",
      "ipoib subnet fault default clear",
    ],
    [facts.grown("tx_no_credit", 1), "warning", "ipoib subnet show default,"],
    [
      { ...facts.grown("tx_no_credit", 1), link: facts.deviceLink },
      "warning",
      "ipoib subnet show,",
    ],
    [facts.grown("groups_evicted", 1), "warning", "--max-groups of ipoib up"],
    [facts.grown("askers_evicted", 1), "warning", "tcpdump -ni ib0"],
    [facts.grown("paths_evicted", 1), "warning", "gc_thresh3"],
    [facts.grown("hca_symbol_error", 1), "failure", "check the cable"],
    [facts.grown("tx_odd", 1), "warning", "packets were dropped (tx_odd +1)"],
    [
      {
        ...facts.grown("tx_device_queue", 3),
        link: { ...facts.link, state: "waiting for the port (down)" },
      },
      "warning",
      "while the link is down",
    ],
    [facts.grown("tx_frames", 10), "ok", "none of errors or drops grew"],
  ],
});

/** Counters of the engine and of both kinds of port, by what their growth says. */
const FAULTS: Readonly<Record<string, string>> = {
  tx_neighbour_failed: "without an address",
  tx_path_failed: "without a path",
  tx_no_credit: "does not take its packets",
  tx_no_slot: "no free buffer",
  tx_group_failed: "a group is not joined",
  tx_too_long: "longer than the path allows",
  rx_device_refused: "did not accept",
  rx_malformed: "not valid IPoIB packets",
  neighbours_evicted: "a table is full",
  memberships_lost: "ended a membership",
  connections_failed: "connections of connected mode failed",
  port_xmit_constraint_errors: "because of their P_Key",
  port_links_lost: "links to other ports",
  port_mads_send_failed: "the device reports errors",
};

Deno.test("the counters of faults have a meaning, and those of traffic have none", () => {
  const statistics = new Statistics();
  const drops = Object.keys(statistics.drops.snapshot());
  const names = [
    ...drops,
    ...Object.keys(statistics.tables.snapshot()),
    ...Object.keys(statistics.connections.snapshot()),
    ...[new PortCounters(), new VerbsCounters()].flatMap((counters) =>
      Object.keys(counters.snapshot()).map((name) => `port_${name}`)
    ),
  ];
  const meaning = (name: string) =>
    meaningOf(name, { isDrop: drops.includes(name), running: true });
  for (const [name, words] of Object.entries(FAULTS)) {
    assert(names.includes(name), name);
    assertStringIncludes(meaning(name)?.text ?? "", words);
  }
  for (const name of drops) assert(meaning(name) !== undefined, name);
  for (
    const name of [
      "port_xmit_packets",
      "port_posted",
      "paths_queried",
      "tx_arp",
    ]
  ) {
    assertEquals(meaning(name), undefined, name);
  }
});
