/** Each packet is either sent or received, or counted as dropped exactly once, in both directions. */

import { assert, assertEquals } from "@std/assert";
import { ArpOperation } from "../../src/wire/arp.ts";
import { random } from "../wire/support.ts";
import { GARBAGE, kernelArp } from "./neighbour/kernel_arp.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";
import { flushNeighbours } from "../../src/ipoib/neighbour/user_changes.ts";

const DESTINATIONS = [
  "10.0.0.1",
  "10.0.0.2",
  "10.0.0.3",
  "10.0.0.9",
  "10.0.0.255",
  "239.1.2.3",
  "239.9.9.9",
  "172.16.0.1",
];

/** Counts the frames that the engine reads and the packets that it polls from the HCA. */
function watch({ netdev, port, link }: Host): { read: number; taken: number } {
  const counted = { read: 0, taken: 0 };
  const { onFrames } = netdev;
  netdev.onFrames = (batch) => {
    counted.read += batch.count;
    onFrames(batch);
  };
  const qp = port.qps.get(link.qpn)!;
  const { poll } = qp;
  qp.poll = (batch) => {
    const count = poll.call(qp, batch);
    counted.taken += count;
    return count;
  };
  return counted;
}

for (const seed of [2, 2734, 26082]) {
  Deno.test(`each packet is sent, received or counted as dropped (seed ${seed})`, () => {
    const next = random(seed);
    const rig = new Rig();
    const hosts = rig.pair();
    // Announcements are over; the engine sends no packets of its own except requests for PERMANENT entries.
    rig.advance(2000);
    hosts[1].netdev.config.join(ip("239.1.2.3"));
    rig.settle();
    const before = hosts.map(({ totals }) => totals);
    const watched = hosts.map(watch);
    rig.fabric.lose = () => next(10) === 0;
    rig.subnet!.lose = () => next(4) === 0;
    for (let step = 0; step < 2000; step++) {
      const host = hosts[next(2)]!;
      const { netdev, port } = host;
      const { neighbours } = netdev.config;
      const to = DESTINATIONS[next(DESTINATIONS.length)]!;
      const payload = new Uint8Array(next(20) === 0 ? 2100 : next(99));
      const frame = ipv4Frame(DESTINATIONS[next(2)]!, to, { payload });
      const actions = [
        () => netdev.send(frame),
        () => netdev.send(frame, frame, frame),
        () => netdev.inject(frame, frame),
        () => netdev.inject(frame.slice(0, next(frame.length + 1) || 1)),
        () => netdev.inject(kernelArp(next(3), "10.0.0.1", to, GARBAGE)),
        () => netdev.inject(kernelArp(ArpOperation.Request, "0.0.0.0", to)),
        () => neighbours.fail(ip(to)),
        () => neighbours.probe(ip(to)),
        () => neighbours.delete(ip(to)),
        () => neighbours.retry(),
        () => flushNeighbours(host.link),
      ];
      actions[next(actions.length)]!();
      port.postResult = (next(6) === 0 ? next(5) : 0) as 0;
      netdev.writeError = next(8) === 0 ? [5, 22][next(2)]! : 0;
      port.send.withhold = next(30) === 0 ? "normal" : "nothing";
      if (next(3) > 0) rig.settle();
      if (next(8) === 0) rig.advance(next(1500));
      if (next(50) === 0) {
        rig.settle();
        for (const host of hosts) assertEquals(host.wrongSums, []);
      }
    }
    rig.settle();
    for (const { port } of hosts) {
      port.postResult = 0;
      port.send.withhold = "nothing";
    }
    rig.settle();
    for (const [i, host] of hosts.entries()) {
      assertEquals(host.netdev.waiting, 0);
      // Drops the packets that wait for an address, a path or a group.
      host.port.emit({ type: "port_error" }, { state: "down" });
      const { totals } = host;
      const grown = (name: string) => totals[name]! - before[i]![name]!;
      const { read, taken } = watched[i]!;
      assert(read > 500 && taken > 300, `${read} sent, ${taken} received`);
      assertEquals(grown("tx_packets") + grown("tx_dropped"), read, "sent");
      assertEquals(
        grown("rx_packets") + grown("rx_dropped") + grown("rx_echoes"),
        taken,
        "received",
      );
      assertEquals([grown("tx_frames"), grown("rx_received")], [read, taken]);
      assertEquals(host.wrongSums, []);
      assert(Object.keys(host.drops).length > 8, "drop reasons covered");
    }
    rig.check();
  });
}
