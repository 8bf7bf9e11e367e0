/** Traffic between two hosts: resolution, queues, counters and drop reasons. */

import { FrameBatch } from "../../src/system/frames.ts";
import { assert, assertEquals } from "@std/assert";
import { ArpOperation, arpRequest } from "../../src/wire/arp.ts";
import { EtherType } from "../../src/wire/encap.ts";
import { gidEquals } from "../../src/wire/gid.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  arpOf,
  arpReply,
  etherType,
  ip,
  ipv4Frame,
  packetOf,
  QKEY,
  Rig,
} from "./rig.ts";
import { SaAttribute } from "../../src/wire/sa/sa_mad.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";

const PAYLOAD = new TextEncoder().encode("twelve bytes");
const HELLO = ipv4Frame("10.0.0.1", "10.0.0.2", { payload: PAYLOAD });

Deno.test("the first packet is resolved by ARP and a path query, and delivered", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  assertEquals(b.received(), [packetOf(HELLO)]);
  const [request, packet] = a.posted();
  const arp = arpOf(request!)!;
  assertEquals(arp.operation, ArpOperation.Request);
  assertEquals([arp.senderIp, arp.targetIp], [ip("10.0.0.1"), ip("10.0.0.2")]);
  assertEquals(arp.senderAddress, a.address);
  assert(request!.multicast && request!.handle.grh, "broadcast has a GRH");
  assertEquals(request!.handle.grh.dgid, a.link.broadcastMgid);
  assertEquals([request!.destQpn, request!.qkey], [0xffffff, QKEY]);
  assertEquals(etherType(packet!), EtherType.Ipv4);
  assertEquals(packet!.encap & 0xffff, 0, "the reserved half is zero");
  assertEquals(
    [packet!.handle.dlid, packet!.destQpn, packet!.qkey],
    [b.port.attributes.lid, b.link.qpn, QKEY],
  );
  assertEquals(packet!.handle.grh, undefined, "no GRH inside a subnet");
  const reply = b.posted().map(arpOf)[0]!;
  assertEquals(reply.operation, ArpOperation.Reply);
  assertEquals(reply.senderAddress, b.address);
  assertEquals(reply.targetAddress, a.address);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  assertEquals(b.nud("10.0.0.1"), "STALE", "the requester is a neighbour");
  rig.check();
});

Deno.test("packets to a resolved neighbour cause no ARP and no path query", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  a.posted();
  const { routeLookups } = a.netdev.config;
  let mads = 0;
  rig.subnet!.lose = () => ++mads < 0;
  a.send(HELLO, HELLO, HELLO);
  assertEquals(a.posted().length, 3);
  assertEquals(mads, 0);
  assertEquals(a.netdev.config.routeLookups, routeLookups);
  assertEquals(b.received().length, 4);
  rig.check();
});

Deno.test("a host that answered an ARP request sends packets to the requester without ARP", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  b.posted();
  b.send(ipv4Frame("10.0.0.2", "10.0.0.1"));
  assertEquals(b.posted().map(etherType), [EtherType.Ipv4]);
  assertEquals(a.received().length, 1);
  assertEquals(b.nud("10.0.0.1"), "DELAY");
  rig.check();
});

Deno.test("a burst of packets waits for the path, up to a limit", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  // Path queries of the first host are lost.
  rig.subnet!.lose = ({ attributeId, data }) =>
    attributeId === SaAttribute.PathRecord &&
    gidEquals(PathRecord.parse(data)!.sgid, a.address.gid);
  const frames = Array.from(
    { length: 258 },
    (_, n) =>
      ipv4Frame("10.0.0.1", "10.0.0.2", { payload: new Uint8Array([n]) }),
  );
  a.send(...frames);
  assertEquals(a.neighbour("10.0.0.2")!.peer!.queue.length, 256);
  assertEquals(a.drops, { tx_path_queue: 2 });
  assertEquals(a.port.send.free, a.port.send.slots, "copies hold no slot");
  rig.subnet!.lose = () => false;
  rig.advance(200);
  const sent = a.port.send.slots;
  assertEquals(b.received(), frames.slice(0, sent).map(packetOf));
  assertEquals(a.drops, { tx_path_queue: 2, tx_no_slot: 256 - sent });
  rig.check();
});

Deno.test("64 packets wait for a group, further ones are dropped", () => {
  const rig = new Rig();
  const [a] = rig.pair({ slots: 70 });
  rig.subnet!.lose = ({ attributeId }) =>
    attributeId === SaAttribute.McMemberRecord;
  const frame = ipv4Frame("10.0.0.1", "239.1.1.1");
  a.send(...new Array(66).fill(frame));
  const group = a.link.groups.entries().find((each) => each.sendOnly)!;
  assertEquals(group.queue.length, 64);
  assertEquals(a.drops, { tx_group_queue: 2 });
  rig.subnet!.lose = () => false;
  a.posted();
  rig.advance(300);
  assertEquals(a.posted().length, 64);
  rig.check();
});

Deno.test("packets to an off-link destination are sent to the gateway", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.netdev.config.addRoute(ip("192.168.0.0"), 16, ip("10.0.0.2"));
  const frame = ipv4Frame("10.0.0.1", "192.168.7.7");
  a.send(frame);
  assertEquals(a.arps().map((arp) => arp.targetIp), [ip("10.0.0.2")]);
  assertEquals(b.received(), [packetOf(frame)]);
  // Removal of the route also clears the cache.
  a.netdev.config.clearRoutes();
  a.send(frame);
  assertEquals(b.received(), []);
  assertEquals(a.drops, { tx_no_route: 1 });
  rig.check();
});

Deno.test("limited and subnet broadcasts are sent to the broadcast group", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const c = rig.host({ address: "10.0.0.3" });
  a.send(
    ipv4Frame("10.0.0.1", "255.255.255.255"),
    ipv4Frame("10.0.0.1", "10.0.0.255"),
  );
  for (const packet of a.posted()) {
    assertEquals(packet.handle.grh!.dgid, a.link.broadcastMgid);
    assertEquals(packet.destQpn, 0xffffff);
  }
  for (const host of [b, c]) {
    assertEquals(host.received().length, 2);
    assertEquals(
      host.totals.multicast,
      0,
      "broadcasts are not counted as multicast",
    );
  }
  assertEquals(a.received(), [], "own broadcasts are echoes");
  assertEquals(a.totals.rx_echoes, 2 + a.link.statistics.arpSent);
  rig.check();
});

Deno.test("packets without a route and to an own address are dropped", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.send(
    ipv4Frame("10.0.0.1", "172.16.0.1"),
    ipv4Frame("10.0.0.1", "10.0.0.1"),
  );
  assertEquals(a.drops, { tx_no_route: 2 });
  assertEquals(a.posted().length, 0);
  rig.check();
});

Deno.test("a large send and its partial checksum pass unchanged", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  b.received();
  const vnet = new Uint8Array([1, 1, 54, 0, 0xd0, 7, 34, 0, 16, 0, 0, 0]);
  const payload = new Uint8Array(30_000).fill(0x5a);
  const before = a.totals.tx_bytes!;
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2", { protocol: 6, payload, vnet }));
  const [frame] = b.netdev.takeWritten();
  assertEquals(frame!.slice(0, 12), vnet);
  assertEquals(packetOf(frame!).slice(20), payload);
  // The bytes of its IPoIB, IP and TCP headers are not counted.
  assertEquals(a.totals.tx_bytes! - before, 30_000 + 20 - 40);
  rig.check();
});

Deno.test("the receiver composes missing frame headers", () => {
  const rig = new Rig();
  const [a, b] = rig.pair({ headersMissing: true });
  a.send(HELLO, HELLO);
  const header = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
  for (const frame of b.netdev.takeWritten()) {
    assertEquals([...frame.slice(0, 26)], [
      ...new Array(12).fill(0),
      ...header,
    ]);
    assertEquals(packetOf(frame), packetOf(HELLO));
  }
  rig.check();
});

Deno.test("tx_bytes includes the IPoIB header, rx_bytes excludes it", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  const [sent, received] = [a.totals, b.totals];
  a.send(HELLO);
  const { length } = packetOf(HELLO);
  assertEquals(a.totals.tx_bytes! - sent.tx_bytes!, length + 4);
  assertEquals(a.totals.tx_packets! - sent.tx_packets!, 1);
  assertEquals(b.totals.rx_bytes! - received.rx_bytes!, length);
  assertEquals(b.totals.rx_packets! - received.rx_packets!, 1);
  assertEquals([b.totals.rx_errors, b.totals.rx_dropped], [0, 0]);
  rig.check();
});

Deno.test("a packet over the MTU is dropped and counted as an error", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  b.received();
  const payload = new Uint8Array(2044 - 20);
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2", { payload }));
  assertEquals(b.received().length, 1);
  a.send(
    ipv4Frame("10.0.0.1", "10.0.0.2", { payload: new Uint8Array(2025) }),
  );
  assertEquals(b.received(), []);
  assertEquals(a.drops, { tx_too_long: 1 });
  assertEquals([a.totals.tx_errors, a.totals.tx_dropped], [1, 1]);
  rig.check();
});

Deno.test("a malformed IPv6 packet is counted and dropped in both directions", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  // The packet is shorter than its payload length field.
  const frame = new Uint8Array(26 + 40);
  frame.set([0x86, 0xdd, 0x60, 0, 0, 0, 0, 1], 24);
  a.netdev.inject(frame);
  rig.settle();
  assertEquals(a.drops, { tx_malformed: 1 });
  b.port.inject({
    handle: { dlid: a.port.attributes.lid, sl: 0, staticRate: 0 },
    destQpn: a.link.qpn,
    qkey: QKEY,
    encap: 0x86dd0000 | 0,
    payload: packetOf(frame),
  });
  rig.settle();
  assertEquals(a.drops, { tx_malformed: 1, rx_malformed: 1 });
  assertEquals(a.received(), []);
  rig.check();
});

Deno.test("frames that the device refuses are counted by reason", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  b.netdev.writeError = 5;
  a.send(HELLO);
  b.netdev.writeError = 22;
  a.send(HELLO);
  assertEquals(b.drops, { rx_device_down: 1, rx_device_refused: 1 });
  assertEquals(b.totals.rx_dropped, 2);
  rig.check();
});

Deno.test("posts that the HCA refuses are counted by reason", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.send(HELLO);
  for (const result of [2, 3, 4] as const) {
    a.port.postResult = result;
    a.send(HELLO);
  }
  assertEquals(a.drops, { tx_too_long: 1, tx_no_credit: 1, tx_not_ready: 1 });
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  rig.check();
});

Deno.test("the address and the path of an unreachable peer are resolved again at once", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  b.received();
  a.posted();
  a.port.postResult = 1;
  rig.fabric.lose = (packet) => arpOf(packet) !== undefined;
  a.inject(HELLO);
  a.port.postResult = 0;
  const { changes } = a.netdev.config.neighbours;
  assertEquals(changes, ["resolve 10.0.0.2"]);
  assertEquals(a.nud("10.0.0.2"), "INCOMPLETE");
  assertEquals(a.drops.tx_unreachable, 2, "the packet and the request");
  assertEquals(a.link.paths.entries()[0]!.ah, undefined);
  rig.settle();
  rig.fabric.lose = () => false;
  a.netdev.config.neighbours.retry();
  rig.settle();
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  a.send(HELLO);
  assertEquals(b.received().length, 1);
  assertEquals(changes, ["resolve 10.0.0.2"], "once");
  rig.check();
});

Deno.test("without slots the device is paused, and resumed when a slot is free", () => {
  const rig = new Rig();
  const [a, b] = rig.pair({ slots: 4 });
  a.send(HELLO);
  b.received();
  a.inject(...new Array(7).fill(HELLO));
  assertEquals([a.netdev.paused, a.netdev.waiting], [true, 3]);
  rig.settle();
  assertEquals([a.netdev.paused, a.netdev.waiting], [false, 0]);
  assertEquals(b.received().length, 7);
  assertEquals(a.drops, {});
  rig.check();
});

Deno.test("an ARP packet without a slot is counted as dropped", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.inject();
  a.port.send.withhold = "all";
  a.netdev.config.addAddress(ip("10.0.0.9"), 24);
  rig.settle();
  assertEquals(a.drops, { tx_no_slot: 1 });
  a.port.send.withhold = "normal";
  a.netdev.config.addAddress(ip("10.0.0.10"), 24);
  rig.settle();
  assertEquals(a.arps().length, 1, "ARP is urgent");
  a.port.send.withhold = "nothing";
  rig.check();
});

Deno.test("frames that the reactor read into slots are transmitted", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const frames = new FrameBatch(1);
  const read = (frame: Uint8Array) => {
    const { send } = a.port;
    const slot = send.reserve();
    send.bytes.set(frame, slot * send.stride + send.layout.vnet);
    frames.count = 0;
    frames.add(slot, frame.length);
    a.netdev.onFrames(frames);
  };
  a.send(HELLO);
  read(HELLO);
  read(HELLO.slice(0, 26));
  rig.settle();
  assertEquals(b.received().length, 2);
  assertEquals(a.drops, { tx_malformed: 1 });
  rig.check();
});

Deno.test("a packet is sent to the new peer if its address changes while the path is pending", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const c = rig.host();
  // Neither host answers ARP by itself.
  b.netdev.config.deleteAddress(ip("10.0.0.2"));
  // The path query for the first reply is pending when the announcement arrives.
  rig.subnet!.lose = ({ attributeId }) =>
    attributeId === SaAttribute.PathRecord;
  a.send(HELLO);
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.receiveArp(b, arpReply(request, b.address));
  assertEquals(a.neighbour("10.0.0.2")!.peer!.resolving, true);
  const announcement = { ...request, senderIp: request.targetIp };
  a.receiveArp(c, { ...announcement, senderAddress: c.address });
  a.send(HELLO);
  rig.subnet!.lose = () => false;
  rig.advance(200);
  assertEquals([b.received().length, c.received().length], [1, 1]);
  rig.check();
});

Deno.test("a packet for a removed neighbour waits until the kernel has resolved it again", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(HELLO);
  b.received();
  a.link.neighbours.forget(IpAddress.ipv4(ip("10.0.0.2")));
  a.send(HELLO);
  assertEquals(a.netdev.config.neighbours.changes, ["resolve 10.0.0.2"]);
  assertEquals([a.nud("10.0.0.2"), b.received().length], ["REACHABLE", 1]);
  rig.check();
});

Deno.test("packets that wait for a neighbour are dropped when the kernel's entry fails", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.fabric.lose = (packet) => arpOf(packet) !== undefined;
  a.netdev.inject(HELLO, HELLO);
  rig.settle();
  assertEquals(a.neighbour("10.0.0.2")!.queue.length, 2);
  a.netdev.config.neighbours.fail(ip("10.0.0.2"));
  assertEquals(a.drops, { tx_neighbour_failed: 2 });
  assertEquals(a.link.neighbours.size, 0);
  rig.check();
});
