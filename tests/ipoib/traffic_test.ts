/** Counters of packets by peer and by group, and round trips. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  newTraffic,
  type Traffic,
  TrafficCount,
} from "../../src/ipoib/traffic.ts";
import { ArpOperation, arpRequest } from "../../src/wire/arp.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import {
  GARBAGE,
  kernelArp,
  muteKernel,
  transmit,
} from "./neighbour/kernel_arp.ts";
import { arpReply, type Host, ip, ipv4Frame, Rig } from "./rig.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const TO_A = ipv4Frame("10.0.0.2", "10.0.0.1");
/** Length of the packets, in bytes. */
const LENGTH = TO_B.length - FRAME_HEADER_LENGTH;
/** Length of an ARP packet on the link. */
const ARP = 56;
const ENCAP = 4;

/** Returns packets and bytes sent, and packets and bytes received. */
function figures(traffic: Traffic): number[] {
  return [...traffic.slice(0, TrafficCount.SeenAt)];
}

function peerOf(host: Host, address: string) {
  const peer = host.neighbour(address)?.peer;
  assert(peer, `${address} has no peer`);
  return peer;
}

/** Sums the traffic of everything that a host sends to and receives from. Its peers must not have been removed. */
function sums({ link }: Host): { sent: number; received: number } {
  const peers = new Set(
    link.neighbours.entries().map(({ peer }) => peer).filter((peer) => peer),
  );
  const { passive } = link.connected;
  const all = [
    ...[...peers].map((peer) => peer!.traffic),
    ...[...peers].map((peer) =>
      passive?.trafficOf(peer!.address) ?? newTraffic()
    ),
    link.peers.senders.others,
  ];
  const sum = (of: Traffic[], at: number) =>
    of.reduce((total, traffic) => total + traffic[at]!, 0);
  const groups = link.groups.entries().map(({ traffic }) => traffic);
  return {
    sent: sum([...all, ...groups], TrafficCount.TxPackets),
    received: sum(all, TrafficCount.RxPackets),
  };
}

function checkSums(rig: Rig): void {
  for (const host of rig.hosts) {
    const { totals } = host;
    assertEquals(sums(host), {
      sent: totals.tx_packets!,
      received: totals.rx_received! - totals.rx_echoes!,
    });
  }
  rig.check();
}

Deno.test("packets and bytes of each peer are counted, and add up to those of the interface", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const c = rig.host({ address: "10.0.0.3" });
  a.send(TO_B);
  b.send(TO_A);
  const before = figures(peerOf(a, "10.0.0.2").traffic);
  a.send(TO_B, TO_B, TO_B);
  b.send(TO_A, TO_A);
  c.send(ipv4Frame("10.0.0.3", "10.0.0.1"));
  const after = figures(peerOf(a, "10.0.0.2").traffic);
  assertEquals(after.map((each, i) => each - before[i]!), [
    3,
    3 * (LENGTH + ENCAP),
    2,
    2 * LENGTH,
  ]);
  assert(peerOf(a, "10.0.0.3").traffic !== peerOf(a, "10.0.0.2").traffic);
  checkSums(rig);
});

Deno.test("a packet of a sender without a path is counted among other senders", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  const { others } = a.link.peers.senders;
  const before = figures(others);
  b.link.peers.flush();
  a.link.peers.flush();
  b.send(TO_A);
  assertEquals(figures(others)[2]! > before[2]!, true);
  rig.check();
});

Deno.test("a peer is found after its LID has changed", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.send(TO_A);
  const { portGuid } = b.port.attributes;
  rig.subnet!.manager.moveLid(portGuid, 0x77, rig.reactor.clock.now());
  rig.settle();
  b.send(TO_A);
  a.send(TO_B);
  const before = figures(peerOf(a, "10.0.0.2").traffic);
  b.send(TO_A);
  const after = figures(peerOf(a, "10.0.0.2").traffic);
  assertEquals(after[2]! - before[2]!, 1);
  rig.check();
});

Deno.test("messages of a connection are counted with their peer, also after the connection has ended", () => {
  const rig = new Rig();
  const [a, b] = rig.pair({ connections: true, mode: "connected" });
  a.send(TO_B);
  b.send(TO_A);
  rig.advance(10);
  const before = figures(peerOf(a, "10.0.0.2").traffic);
  b.send(TO_A, TO_A);
  a.send(TO_B);
  assertEquals(a.link.connected.passive!.size, 1);
  const { passive } = a.link.connected;
  const peer = peerOf(a, "10.0.0.2");
  assertEquals(figures(passive!.trafficOf(peer.address)!).slice(2), [
    2,
    2 * LENGTH,
  ]);
  checkSums(rig);
  passive!.stop();
  const after = figures(peer.traffic);
  assertEquals(after[2]! - before[2]!, 2);
  assertEquals(after[3]! - before[3]!, 2 * LENGTH);
});

Deno.test("packets to and from groups are counted, ARP among those of the broadcast group", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const group = "239.1.2.3";
  b.netdev.config.join(ip(group));
  rig.settle();
  a.send(ipv4Frame("10.0.0.1", group), ipv4Frame("10.0.0.1", group));
  const of = (host: Host) =>
    host.link.groups.entries().map(({ traffic }) => figures(traffic));
  assert(
    of(a).some(([sent, bytes]) => sent === 2 && bytes === 2 * (LENGTH + ENCAP)),
  );
  assert(
    of(b).some(([, , received, bytes]) =>
      received === 2 && bytes === 2 * LENGTH
    ),
  );
  const broadcast = b.link.groups.broadcast!;
  assertEquals(broadcast.kind, EthernetKind.Broadcast);
  const before = figures(broadcast.traffic);
  a.send(TO_B);
  assertEquals(figures(broadcast.traffic)[2]! - before[2]!, 1);
  assertEquals(figures(broadcast.traffic)[3]! - before[3]!, ARP);
  checkSums(rig);
});

Deno.test("the time from a unicast probe to its reply is a round trip, that of a repeated or broadcast one is not", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  const neighbour = () => a.neighbour("10.0.0.2")!;
  const { counts } = a.link.neighbours.roundTrips;
  const total = () => counts.reduce((sum, each) => sum + each, 0);
  // The first resolution was a broadcast request.
  assertEquals(total(), 0);
  const probe = kernelArp(
    ArpOperation.Request,
    "10.0.0.1",
    "10.0.0.2",
    GARBAGE,
  );
  const answerAfter = (ms: number) => {
    rig.advance(ms);
    const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
    a.receiveArp(b, arpReply(request, b.address));
  };
  muteKernel(b);
  transmit(a, probe);
  answerAfter(3);
  const { peer } = neighbour();
  assertEquals([total(), peer!.roundTripMs], [1, 3]);
  assertEquals(counts[5], 1, "3 ms are in the bucket up to 5 ms");
  assertEquals(peer!.roundTrips!.counts, counts);
  transmit(a, probe, probe);
  answerAfter(3);
  assertEquals(total(), 1);
  // A reply that was not requested.
  answerAfter(3);
  assertEquals(total(), 1);
  transmit(a, probe);
  answerAfter(1200);
  assertEquals([total(), counts.at(-1)], [2, 1]);
  assertAlmostEquals(a.link.neighbours.roundTrips.sumSeconds, 1.203);
  rig.check();
});
