/** Translation of neighbour discovery between kernel messages without and link messages with link-layer addresses. */

import { assert, assertEquals } from "@std/assert";
import type { PostedPacket } from "../../../src/hca/fake.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { icmpv6Checksum } from "../../../src/wire/checksum.ts";
import {
  emitNd,
  NaFlag,
  NdType,
  parseNd,
} from "../../../src/wire/neighbour_discovery.ts";
import { VNET_HEADER_LENGTH } from "../../../src/wire/vnet.ts";
import { hex, ipAddress, viewOf } from "../../wire/support.ts";
import { ipv4Frame, logLines } from "../rig.ts";
import { transmit } from "./kernel_arp.ts";
import {
  A,
  B,
  deliver,
  deviceMessage,
  frameOf,
  hosts,
  kernelFrame,
  linkMessage,
  resolve,
} from "./kernel_nd.ts";

function messageOf({ payload }: PostedPacket) {
  return parseNd(viewOf(payload), 0, payload.length);
}

/** Parses the message in a packet that a kernel received. */
function receivedMessage(packet: Uint8Array | undefined) {
  return packet && parseNd(viewOf(packet), 0, packet.length);
}

Deno.test("a solicitation is sent to its group with a link-layer address and reaches the other kernel without", () => {
  const { rig, a, b } = hosts();
  transmit(a, kernelFrame({}));
  const [packet, ...others] = a.posted();
  assertEquals(others, []);
  assertEquals(
    formatGid(packet!.handle.grh!.dgid),
    "ff12:601b:ffff::1:ff00:b",
  );
  assertEquals(messageOf(packet!)?.linkAddress, a.address);
  const [received] = b.received();
  assertEquals(received, deviceMessage({}));
  rig.check();
});

Deno.test("a message for the kernel has a virtio header of zeros, also after a message with a flow label was sent", () => {
  const { a, b } = hosts();
  // Messages of programs (radvd, rdisc6) have one, unlike those of the kernel.
  const labelled = deviceMessage({
    type: NdType.RouterSolicitation,
    destination: "ff02::2",
    source: B,
  });
  labelled.set([0x60, 0x0b, 0x8a, 0x41]);
  transmit(b, frameOf(labelled));
  b.netdev.takeWritten();
  transmit(a, kernelFrame({}));
  const [frame] = b.netdev.takeWritten();
  assertEquals(
    frame!.subarray(0, VNET_HEADER_LENGTH),
    new Uint8Array(VNET_HEADER_LENGTH),
  );
});

Deno.test("an advertisement is sent to the requester, which then sends packets", () => {
  const { rig, a, b } = hosts();
  resolve({ a, b });
  const [packet] = b.posted();
  assertEquals(packet!.multicast, false);
  assertEquals(packet!.handle.dlid, a.port.attributes.lid);
  assertEquals(messageOf(packet!)?.linkAddress, b.address);
  a.received();
  const udp = hex(
    `60000000 0008 11 40 fe80000000000000000000000000000a
     fe80000000000000000000000000000b 0009 0009 0008 0000`,
  );
  transmit(a, frameOf(udp));
  assertEquals(b.received().at(-1), udp);
  assertEquals(a.drops, {});
  rig.check();
});

Deno.test("duplicate address detection sends no link-layer address and creates no neighbour", () => {
  const { rig, a, b } = hosts();
  transmit(a, kernelFrame({ source: "::", target: A }));
  const [packet] = a.posted();
  assertEquals(messageOf(packet!)?.linkAddress, undefined);
  assertEquals(a.link.neighbours.find(ipAddress(A)), undefined);
  // The owner of the address replies to all nodes.
  transmit(
    b,
    kernelFrame({
      type: NdType.NeighbourAdvertisement,
      source: A,
      destination: "ff02::1",
      target: A,
      flags: NaFlag.Override,
    }),
  );
  assertEquals(receivedMessage(a.received().at(-1))?.target, ipAddress(A));
  assert(logLines.some((line) => line.includes("fe80::a is also used by")));
  rig.check();
});

Deno.test("a unicast solicitation is sent to the peer, and its reply has no link-layer address", () => {
  const { rig, a, b } = hosts();
  resolve({ a, b });
  a.posted();
  b.posted();
  transmit(a, kernelFrame({ destination: B }));
  const [probe] = a.posted();
  assertEquals([probe!.multicast, probe!.handle.dlid], [
    false,
    b.port.attributes.lid,
  ]);
  transmit(
    b,
    kernelFrame({
      type: NdType.NeighbourAdvertisement,
      source: B,
      destination: A,
      flags: NaFlag.Solicited,
    }),
  );
  assertEquals(messageOf(b.posted()[0]!)?.linkAddress, undefined);
  rig.check();
});

Deno.test("a router advertisement reaches the kernel without link-layer address, and the router is a neighbour", () => {
  const { rig, a, b } = hosts();
  const advertisement = hex(
    `60000000 0048 3a ff fe80000000000000000000000000000b
     ff020000000000000000000000000001
     8600 0000 40 00 0708 00000000 00000000
     0103 0000 ${"00".repeat(20)}
     0304 40c0 00015180 00003840 00000000 fd000000000000000000000000000000`,
  );
  advertisement.set(
    [b.link.qpn >> 16, b.link.qpn >> 8 & 0xff, b.link.qpn & 0xff],
    61,
  );
  advertisement.set(b.address.gid, 64);
  const view = viewOf(advertisement);
  view.setUint16(42, icmpv6Checksum(view, 0, 40, 72));
  deliver(a, b, advertisement);
  const [received] = a.received();
  assertEquals(received?.length, advertisement.length - 24);
  assertEquals(received?.subarray(56), advertisement.subarray(80));
  assertEquals(a.link.neighbours.find(ipAddress(B))?.peer?.address, b.address);
  rig.check();
});

Deno.test("a redirect makes the next packet ask for its route again, at most every 100 ms", () => {
  const { rig, a, b } = hosts();
  resolve({ a, b });
  const { config } = a.netdev;
  const udp = hex(
    `60000000 0008 11 40 fe80000000000000000000000000000a
     fe80000000000000000000000000000b 0009 0009 0008 0000`,
  );
  const redirect = deviceMessage({
    type: NdType.Redirect,
    source: B,
    destination: A,
    target: "fe80::c",
  });
  /** Returns the route lookups of two packets. */
  const lookups = () => {
    const before = config.routeLookups;
    transmit(a, frameOf(udp), frameOf(udp));
    return config.routeLookups - before;
  };
  assertEquals([lookups(), lookups()], [1, 0]);
  deliver(a, b, redirect);
  assertEquals([lookups(), lookups()], [1, 0]);
  deliver(a, b, redirect);
  assertEquals(lookups(), 0);
  rig.advance(100);
  deliver(a, b, redirect);
  assertEquals([lookups(), lookups()], [1, 0]);
});

Deno.test("neighbour discovery does not count as use of a peer, IPv6 packets do", () => {
  const { rig, a, b } = hosts();
  rig.advance(1000);
  b.posted();
  resolve({ a, b });
  const { peer } = b.link.neighbours.find(ipAddress(A))!;
  assertEquals(b.posted().length, 1);
  assertEquals(peer!.usedAt, 0);
  const udp = hex(
    `60000000 0008 11 40 fe80000000000000000000000000000b
     fe80000000000000000000000000000a 0009 0009 0008 0000`,
  );
  transmit(b, frameOf(udp));
  assertEquals(peer!.usedAt > 0, true);
  rig.check();
});

Deno.test("a message that carries the interface's own link-layer address is counted and ignored", () => {
  const { rig, a, b } = hosts();
  const packet = new Uint8Array(88);
  emitNd(
    {
      type: NdType.NeighbourSolicitation,
      source: ipAddress(B),
      destination: ipAddress(A),
      target: ipAddress(A),
      flags: 0,
      linkAddress: a.address,
    },
    viewOf(packet),
    0,
  );
  const { statistics } = a.link;
  const { ndReceived } = statistics;
  const packets = a.totals.rx_packets!;
  deliver(a, b, packet);
  assertEquals(a.received(), []);
  assertEquals(a.link.neighbours.find(ipAddress(B)), undefined);
  assertEquals(
    [a.totals.rx_packets! - packets, statistics.ndReceived - ndReceived],
    [1, 1],
  );
  rig.check();
});

Deno.test("multicast messages count as multicast, passed to the kernel or ignored; unicast, invalid and ARP packets do not", () => {
  const { rig, a, b } = hosts();
  const counted = () => b.totals.multicast;
  transmit(a, kernelFrame({}));
  const [sent] = a.posted();
  assertEquals([b.received().length, counted()], [1, 1]);
  // With the link-layer address of the receiver.
  const own = linkMessage({
    type: NdType.NeighbourSolicitation,
    source: A,
    destination: "ff02::1:ff00:b",
  }, b.address);
  a.port.inject({ ...sent!, payload: own });
  rig.settle();
  assertEquals([b.received().length, b.totals.rx_ignored, counted()], [
    0,
    1,
    2,
  ]);
  const invalid = own.slice();
  invalid[7] = 64;
  a.port.inject({ ...sent!, payload: invalid });
  rig.settle();
  assertEquals([b.drops, counted()], [{ rx_malformed: 1 }, 2]);
  deliver(b, a, linkMessage({ type: NdType.NeighbourSolicitation }, a.address));
  const { arpReceived } = b.link.statistics;
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  assertEquals(b.link.statistics.arpReceived, arpReceived + 1);
  assertEquals(counted(), 2);
  rig.check();
});

Deno.test("an advertisement without the override flag does not change a resolved address", () => {
  const { rig, a, b } = hosts();
  resolve({ a, b });
  const c = rig.host({ address: "10.0.0.3" });
  const advertise = (flags: number) => {
    const packet = new Uint8Array(88);
    emitNd(
      {
        type: NdType.NeighbourAdvertisement,
        source: ipAddress(B),
        destination: ipAddress(A),
        target: ipAddress(B),
        flags,
        linkAddress: c.address,
      },
      viewOf(packet),
      0,
    );
    deliver(a, c, packet);
    return a.link.neighbours.find(ipAddress(B))?.peer?.address;
  };
  assertEquals(advertise(0), b.address);
  assertEquals(advertise(NaFlag.Override), c.address);
  rig.check();
});

Deno.test("invalid messages are dropped and counted in both directions", () => {
  const { rig, a, b } = hosts();
  const spoilt = deviceMessage({});
  spoilt[7] = 64;
  transmit(a, frameOf(spoilt));
  assertEquals(a.drops, { tx_malformed: 1 });
  deliver(a, b, spoilt);
  assertEquals(a.drops, { tx_malformed: 1, rx_malformed: 1 });
  assertEquals(a.received(), []);
  rig.check();
});

Deno.test("a new address is announced to all nodes, by a router with the router flag", () => {
  const { rig, a, b } = hosts();
  a.netdev.config.addIpv6Address("fd00::a", 64);
  rig.settle();
  const announced = a.posted().map(messageOf).filter((each) => each);
  assertEquals(
    announced.map((each) => [
      String(each!.target),
      String(each!.destination),
      each!.linkAddress,
    ]),
    [["fd00::a", "ff02::1", a.address]],
  );
  assertEquals(announced.map((each) => each!.flags), [NaFlag.Override]);
  b.netdev.kernelStatus = { ...b.netdev.kernelStatus, forwardsIpv6: true };
  b.netdev.config.addIpv6Address("fd00::b", 64);
  rig.settle();
  assertEquals(
    b.posted().map(messageOf).flatMap((each) => each ? [each.flags] : []),
    [NaFlag.Override | NaFlag.Router],
  );
  rig.check();
});

Deno.test("solicited-node groups are joined, interface-local groups are not", () => {
  const { rig, a } = hosts();
  a.netdev.config.join(ipAddress("ff01::2:3"));
  a.netdev.config.join(ipAddress("ff02::2:4"));
  rig.settle();
  const groups = a.link.groups.entries().map(({ mgid }) => formatGid(mgid));
  assert(groups.includes("ff12:601b:ffff::1:ff00:a"));
  assertEquals(groups.filter((each) => each.includes("::2:")), [
    "ff12:601b:ffff::2:4",
  ]);
  rig.check();
});
