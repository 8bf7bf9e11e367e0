/** The events of dropped packets. */

import { assertEquals } from "@std/assert";
import { DropEvents } from "../../src/daemon/drop_events.ts";
import { type Host, ipv4Frame, Rig } from "../ipoib/rig.ts";

function drops({ events }: Host): string[] {
  return events.splice(0).filter(({ event }) => event === "drops")
    .map(({ subject, new: now, cause }) => `${subject}: ${now}, ${cause}`);
}

Deno.test("drops have an event per reason at once, and after a minute with the number since", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const events = new DropEvents(rig.reactor, () => a.device.interfaces());
  const { statistics } = a.link;
  const before = statistics.dropsByReason();
  rig.advance(5000);
  drops(a);
  statistics.drop("tx_no_credit", 3);
  statistics.drop("rx_malformed");
  rig.advance(5000);
  assertEquals(drops(a), [
    "tx_no_credit: 3 packets, a peer is too slow or has stopped",
    "rx_malformed: 1 packet, malformed packets",
  ]);
  statistics.drop("tx_no_credit", 4);
  rig.advance(30_000);
  assertEquals(drops(a), []);
  statistics.drop("tx_no_credit", 5);
  rig.advance(30_000);
  assertEquals(drops(a), [
    "tx_no_credit: 9 packets, a peer is too slow or has stopped",
  ]);
  rig.advance(120_000);
  assertEquals(drops(a), []);
  events.close();
  assertEquals(before["tx_no_credit"], undefined);
});

Deno.test("drops of the queue of the device are found, of the parent and of a child in turn", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  // The child is down.
  const child = a.device.createChild(0x8001);
  const events = new DropEvents(rig.reactor, () => a.device.interfaces());
  for (const { netdev } of [a.link, child]) {
    const status = netdev.status();
    netdev.status = () => ({ ...status, queueDrops: 7 });
  }
  rig.advance(5000);
  const event = "tx_device_queue: 7 packets, ";
  assertEquals(drops(a).filter((each) => each.startsWith("tx_device")), [
    `${event}the queue of the network device was full`,
  ]);
  rig.advance(5000);
  assertEquals(drops(a).filter((each) => each.startsWith("tx_device")), [
    `${event}the link was down`,
  ]);
  events.close();
});

Deno.test("drops of the queue while the link is down have that cause, and do not delay the event of a full queue", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const events = new DropEvents(rig.reactor, () => a.device.interfaces());
  const { netdev } = a.link;
  const status = netdev.status();
  let queueDrops = 0;
  netdev.status = () => ({ ...status, queueDrops });
  const queueEvents = () =>
    drops(a).filter((each) => each.startsWith("tx_device_queue"));
  let carrier = false;
  Object.defineProperty(a.link, "carrier", { get: () => carrier });
  rig.advance(5000);
  queueDrops = 3;
  carrier = true;
  rig.advance(5000);
  assertEquals(queueEvents(), [
    "tx_device_queue: 3 packets, the link was down",
  ]);
  queueDrops = 10;
  rig.advance(5000);
  assertEquals(queueEvents(), [
    "tx_device_queue: 7 packets, the queue of the network device was full",
  ]);
  events.close();
});
