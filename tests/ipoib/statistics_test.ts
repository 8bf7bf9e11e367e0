/** The check of sums: it finds each counter that is off by one. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { wrongSums } from "../statistics_sums.ts";
import { ipv4Frame, Rig } from "./rig.ts";

const SUMMED = [
  "tx_frames",
  "tx_generated",
  "tx_packets",
  "tx_dropped",
  "rx_received",
  "rx_frames",
  "rx_ignored",
  "rx_echoes",
  "rx_packets",
  "rx_dropped",
] as const;

Deno.test("wrongSums() finds a counter that is too large or too small", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.send(
    ipv4Frame("10.0.0.1", "10.0.0.2"),
    ipv4Frame("10.0.0.1", "10.0.0.9"),
    ipv4Frame("10.0.0.1", "239.1.2.3"),
  );
  const { totals, drops } = a.link.statistics;
  assertEquals(a.wrongSums, []);
  for (const name of SUMMED) {
    for (const error of [1, -1]) {
      totals.add(name, error);
      assert(a.wrongSums.length > 0, `${name} ${error}`);
      totals.add(name, -error);
    }
  }
  for (const reason of drops.names) {
    drops.add(reason);
    assertEquals(a.wrongSums.length, 2, reason);
    drops.add(reason, -1);
  }
  assertEquals(a.wrongSums, []);
  rig.check();
});

Deno.test("wrongSums() throws without a counter", () => {
  assertThrows(() => wrongSums({ tx_frames: 1 }), Error, "no counter");
});

Deno.test("tx_waiting counts the packets that wait for an address", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const frame = ipv4Frame("10.0.0.1", "10.0.0.9");
  a.netdev.inject(frame, frame);
  rig.settle();
  assertEquals([a.link.waiting, a.wrongSums], [2, []]);
  a.netdev.config.neighbours.fail(0x0a000009);
  rig.settle();
  assertEquals([a.link.waiting, a.wrongSums], [0, []]);
  assertEquals(a.drops, { tx_neighbour_failed: 2 });
});
