import { assertEquals } from "@std/assert";
import {
  DropObservers,
  type DroppedPacket,
} from "../../src/ipoib/drop_observers.ts";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { viewOf } from "../wire/support.ts";
import { type Host, ipv4Frame, Rig } from "./rig.ts";

/** Adds an observer to an interface. Returns the list of the reasons and destinations that it receives. */
function observe({ device }: Host): [string, string, number][] {
  const seen: [string, string, number][] = [];
  device.parent.statistics.dropObservers.add(
    ({ direction, reason, etherType, length }) => {
      assertEquals(length > 0, true);
      seen.push([direction, reason, etherType]);
    },
  );
  return seen;
}

Deno.test("an observer receives each dropped packet of the kernel once, with its reason", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const seen = observe(a);
  const { drops } = a.device.parent.statistics;
  const unknown = ipv4Frame("10.0.0.1", "10.0.0.2");
  viewOf(unknown).setUint16(FRAME_HEADER_LENGTH - 2, 0x88cc);
  a.netdev.inject(unknown);
  // No host answers, so that packets wait until the queue is full, and then until they are dropped.
  for (let i = 0; i < 200; i++) {
    const payload = new Uint8Array(2000);
    a.netdev.inject(ipv4Frame("10.0.0.1", "10.0.0.99", { payload }));
  }
  rig.advance(60_000);
  const total = Object.values(drops.snapshot()).reduce((sum, n) => sum + n, 0);
  assertEquals(seen.length, total);
  assertEquals(seen[0], ["sent", "tx_unknown_type", 0x88cc]);
  const reasons = new Set(seen.slice(1).map(([, reason]) => reason));
  assertEquals([...reasons], ["tx_neighbour_queue", "tx_neighbour_failed"]);
  assertEquals([seen.length, a.link.waiting], [201, 0]);
});

Deno.test("a removed observer receives nothing, and the last one makes the observers inactive", () => {
  const observers = new DropObservers();
  const seen: DroppedPacket["reason"][] = [];
  const first = observers.add(({ reason }) => seen.push(reason));
  const second = observers.add(({ reason }) => seen.push(reason));
  const view = viewOf(ipv4Frame("10.0.0.1", "10.0.0.2"));
  observers.sent("tx_no_route", view, 0, 28);
  first();
  observers.received("rx_malformed", encapWord(EtherType.Ipv4), view, 26, 28);
  assertEquals(seen, ["tx_no_route", "tx_no_route", "rx_malformed"]);
  assertEquals(observers.active, true);
  second();
  assertEquals(observers.active, false);
});

Deno.test("the EtherType of a frame whose IPoIB header has replaced it is that of the packet", () => {
  const types: number[] = [];
  const observers = new DropObservers();
  observers.add(({ etherType }) => void types.push(etherType));
  for (const first of [0x45, 0x60, 0x00]) {
    const frame = ipv4Frame("10.0.0.1", "10.0.0.2");
    viewOf(frame).setUint16(FRAME_HEADER_LENGTH - 2, 0);
    frame[FRAME_HEADER_LENGTH] = first;
    observers.sent("tx_no_route", viewOf(frame), 0, 28);
  }
  assertEquals(types, [EtherType.Ipv4, EtherType.Ipv6, EtherType.Arp]);
});
