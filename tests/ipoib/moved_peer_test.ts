/** A peer's LID changes, and only the peer's own packets show it: traffic must recover within five seconds. */

import { assert, assertEquals } from "@std/assert";
import type { PostedPacket } from "../../src/hca/fake.ts";
import { arpOf, type Host, ip, ipv4Frame, Rig } from "./rig.ts";
import { SaAttribute } from "../../src/wire/sa/sa_mad.ts";

const TO_A = ipv4Frame("10.0.0.2", "10.0.0.1");
const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const B = ip("10.0.0.2");
/** LID of the second port before its move. */
const OLD_LID = 3;
const NEW_LID = 0x40;

/** Two hosts with resolved paths to each other, after their announcements. */
function connectedPair(): { rig: Rig; a: Host; b: Host } {
  const rig = new Rig();
  const [a, b] = rig.pair();
  rig.advance(2000);
  a.send(TO_B);
  b.send(TO_A);
  assertEquals([a.received().length, b.received().length], [1, 1]);
  a.posted();
  return { rig, a, b };
}

function move(rig: Rig, host: Host): void {
  const { manager } = rig.subnet!;
  const now = rig.reactor.clock.now();
  manager.moveLid(host.port.attributes.portGuid, NEW_LID, now);
  rig.settle();
  assertEquals([host.port.attributes.lid, host.link.carrier], [NEW_LID, true]);
}

function isAnnouncement(packet: PostedPacket): boolean {
  const arp = arpOf(packet);
  return arp !== undefined && arp.senderIp === arp.targetIp;
}

const pathLids = (host: Host) =>
  host.link.paths.entries().map(({ record }) => record?.dlid);

Deno.test("an announcement of a moved peer updates its path", () => {
  const { rig, a, b } = connectedPair();
  const { qpn } = b.link;
  move(rig, b);
  assertEquals([b.link.qpn, pathLids(a)], [qpn, [NEW_LID]]);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("the second announcement of a moved peer updates its path if the first is lost", () => {
  const { rig, a, b } = connectedPair();
  rig.fabric.lose = isAnnouncement;
  move(rig, b);
  a.send(TO_B);
  assertEquals([b.received().length, pathLids(a)], [0, [OLD_LID]]);
  rig.fabric.lose = () => false;
  rig.advance(2000);
  assertEquals(pathLids(a), [NEW_LID]);
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a request of a moved peer is answered at its new LID at once", () => {
  const { rig, a, b } = connectedPair();
  rig.fabric.lose = isAnnouncement;
  move(rig, b);
  a.posted();
  b.send(TO_A);
  assertEquals(a.received().length, 1);
  assertEquals(a.posted().map(({ handle }) => handle.dlid), [NEW_LID]);
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a request of a moved peer is answered on the old path if the path query times out", () => {
  const { rig, a, b } = connectedPair();
  rig.fabric.lose = isAnnouncement;
  move(rig, b);
  rig.subnet!.lose = ({ attributeId }) =>
    attributeId === SaAttribute.PathRecord;
  a.posted();
  b.send(TO_A);
  assertEquals(a.posted(), []);
  rig.advance(1100);
  assert(a.posted().every(({ handle }) => handle.dlid !== NEW_LID));
  rig.subnet!.lose = () => false;
  rig.advance(2000);
  // The kernel repeats its request, and the packet that waited for the reply is sent.
  b.netdev.config.neighbours.retry();
  rig.settle();
  b.send(TO_A);
  a.send(TO_B);
  assertEquals([a.received().length, b.received().length], [2, 1]);
  rig.check();
});

Deno.test("the second unanswered probe queries the path, which packets and the next probe then use", () => {
  const { rig, a, b } = connectedPair();
  const { neighbours } = a.netdev.config;
  // All multicast packets of b are lost.
  rig.fabric.lose = ({ from, multicast }) => multicast && from === b.port;
  move(rig, b);
  rig.advance(31_000);
  const probe = () => {
    neighbours.probe(B);
    rig.settle();
  };
  probe();
  assertEquals([a.nud("10.0.0.2"), pathLids(a)], ["PROBE", [OLD_LID]]);
  a.send(TO_B);
  assertEquals(b.received().length, 0);
  probe();
  assertEquals([a.nud("10.0.0.2"), pathLids(a)], ["PROBE", [NEW_LID]]);
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  probe();
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  rig.check();
});

Deno.test("a failed peer is resolved by broadcast, and the source LID of its reply makes the path queried again", () => {
  const { rig, a, b } = connectedPair();
  const { neighbours } = a.netdev.config;
  rig.fabric.lose = () => true;
  rig.advance(31_000);
  for (let i = 0; i < 3; i++) {
    neighbours.probe(B);
    rig.advance(1000);
  }
  neighbours.fail(B);
  assertEquals(a.neighbour("10.0.0.2"), undefined);
  move(rig, b);
  a.posted();
  a.send(TO_B);
  assertEquals(a.posted().map(({ multicast }) => multicast), [true]);
  rig.fabric.lose = () => false;
  neighbours.retry();
  rig.settle();
  assertEquals(pathLids(a), [NEW_LID]);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a peer that returns with another LID after a long absence is reachable after its first packet", () => {
  const { rig, a, b } = connectedPair();
  rig.fabric.lose = () => true;
  rig.subnet!.lose = ({ attributeId }) =>
    attributeId === SaAttribute.PathRecord;
  // The backoff of the path queries grows meanwhile.
  for (let i = 0; i < 60; i++) {
    a.send(TO_B);
    rig.advance(1000);
  }
  move(rig, b);
  rig.fabric.lose = () => false;
  rig.subnet!.lose = () => false;
  b.send(TO_A);
  rig.advance(100);
  assertEquals(pathLids(a), [NEW_LID]);
  b.received();
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a LID change keeps the link-layer address, which is announced by broadcast", () => {
  const { rig, a, b } = connectedPair();
  const before = b.link.address;
  b.posted();
  move(rig, b);
  rig.advance(2000);
  assertEquals(b.link.address, before);
  const announced = b.posted().filter(isAnnouncement);
  assertEquals(announced.map(({ multicast }) => multicast), [true, true]);
  assertEquals(announced.map(arpOf).map((arp) => arp!.operation), [1, 1]);
  assertEquals(a.neighbour("10.0.0.2")!.peer!.address, before);
  rig.check();
});
