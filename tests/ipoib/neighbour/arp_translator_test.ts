/** Translation of ARP between the kernel's 16-byte packets and the link's 56-byte packets. */

import { assert, assertEquals } from "@std/assert";
import type { PostedPacket } from "../../../src/hca/fake.ts";
import { type Arp, ArpOperation, arpRequest } from "../../../src/wire/arp.ts";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { hex, viewOf } from "../../wire/support.ts";
import { arpOf, type Host, ip, ipv4Frame, logLines, Rig } from "../rig.ts";
import { GARBAGE, kernelArp, muteKernel, transmit } from "./kernel_arp.ts";

const { Request, Reply } = ArpOperation;
const A = "00 000048 fe80000000000000 0002c90300000001";
const B = "00 000048 fe80000000000000 0002c90300000002";
const ZERO = "00 000000 0000000000000000 0000000000000000";
const BROADCAST = hex("ffffffffffff 020000000002 0806");
const UNICAST = hex("020000000001 020000000002 0806");
const NO_VNET = "000000000000000000000000";
/** LID of the first host; the other hosts have the following LIDs. */
const FIRST_LID = 2;

/** Returns the destination of a packet: "all", or the number of the host. */
function targetOf({ multicast, handle }: PostedPacket): string {
  return multicast ? "all" : String(handle.dlid - FIRST_LID + 1);
}

/** Returns the destinations of the ARP replies since the last call. */
function replies(host: Host): string[] {
  return host.posted().flatMap((packet) =>
    arpOf(packet)?.operation === Reply ? [targetOf(packet)] : []
  );
}

Deno.test("a broadcast request has the expected bytes on the link and at the other kernel", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const written = muteKernel(b);
  transmit(a, kernelArp(Request, "10.0.0.1", "10.0.0.2"));
  const [packet, ...others] = a.posted();
  assertEquals(others, []);
  assertEquals(packet!.encap, encapWord(EtherType.Arp));
  assertEquals(packet!.handle.grh!.dgid, a.link.broadcastMgid);
  assertEquals(packet!.destQpn, 0xffffff);
  assertEquals(packet!.ethernet, BROADCAST);
  assertEquals(
    packet!.payload,
    hex(`0020 0800 14 04 0001 ${A} 0a000001 ${ZERO} 0a000002`),
  );
  assertEquals(written, [
    hex(
      `${NO_VNET} ffffffffffff 020000000002 0806
       0020 0800 00 04 0001 0a000001 0a000002`,
    ),
  ]);
  rig.check();
});

Deno.test("a reply has the expected bytes on the link and at the other kernel", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const written = muteKernel(a);
  transmit(a, kernelArp(Request, "10.0.0.1", "10.0.0.2"));
  const [packet, ...others] = b.posted();
  assertEquals(others, []);
  assertEquals([packet!.multicast, packet!.destQpn], [false, a.link.qpn]);
  assertEquals(packet!.handle.dlid, a.port.attributes.lid);
  assertEquals(packet!.ethernet, UNICAST);
  assertEquals(
    packet!.payload,
    hex(`0020 0800 14 04 0002 ${B} 0a000002 ${A} 0a000001`),
  );
  assertEquals(written, [
    hex(
      `${NO_VNET} 020000000001 020000000002 0806
       0020 0800 00 04 0002 0a000002 0a000001`,
    ),
  ]);
  rig.check();
});

Deno.test("an announcement is broadcast, as request and as reply", () => {
  for (const operation of [Request, Reply]) {
    const rig = new Rig();
    const [a, b] = rig.pair();
    const written = muteKernel(b);
    transmit(a, kernelArp(operation, "10.0.0.1", "10.0.0.1", GARBAGE));
    const [packet] = a.posted();
    assertEquals(targetOf(packet!), "all");
    const expected =
      `0020 0800 14 04 000${operation} ${A} 0a000001 ${ZERO} 0a000001`;
    assertEquals(packet!.payload, hex(expected));
    assertEquals(written, [
      hex(
        `${NO_VNET} ffffffffffff 020000000002 0806
         0020 0800 00 04 000${operation} 0a000001 0a000001`,
      ),
    ]);
    // An announcement is not a pending request.
    transmit(b, kernelArp(Reply, "10.0.0.2", "10.0.0.1"));
    assertEquals(replies(b), ["all"]);
    rig.check();
  }
});

Deno.test("a probe with sender 0.0.0.0 is answered and creates no neighbour", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  transmit(a, kernelArp(Request, "0.0.0.0", "10.0.0.2"));
  const [packet] = a.posted();
  assertEquals(
    packet!.payload,
    hex(`0020 0800 14 04 0001 ${A} 00000000 ${ZERO} 0a000002`),
  );
  const [answer] = b.posted();
  assertEquals(targetOf(answer!), "1");
  assertEquals(
    answer!.payload,
    hex(`0020 0800 14 04 0002 ${B} 0a000002 ${A} 00000000`),
  );
  assertEquals(b.link.neighbours.size, 0);
  rig.check();
});

Deno.test("a unicast probe is sent to the peer, without the kernel's uninitialized header bytes", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  rig.host({ address: "10.0.0.3" });
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  a.posted();
  transmit(a, kernelArp(Request, "10.0.0.1", "10.0.0.2", GARBAGE));
  const [packet, ...others] = a.posted();
  assertEquals(others, []);
  assertEquals([targetOf(packet!), packet!.destQpn], ["2", b.link.qpn]);
  assertEquals(packet!.ethernet, UNICAST);
  assertEquals(
    packet!.payload,
    hex(`0020 0800 14 04 0001 ${A} 0a000001 ${ZERO} 0a000002`),
  );
  // A probe for an unresolved address is broadcast.
  transmit(a, kernelArp(Request, "10.0.0.1", "10.0.0.9", GARBAGE));
  const [unknown] = a.posted();
  assertEquals([targetOf(unknown!), unknown!.ethernet], ["all", BROADCAST]);
  rig.check();
});

Deno.test("IP packets leave without the kernel's Ethernet addresses, even after waiting", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const frameTo = (destination: string) => {
    const frame = ipv4Frame("10.0.0.1", destination);
    frame.set([...GARBAGE, ...GARBAGE], 12);
    return frame;
  };
  const ends = "020000000002 0800";
  const headers: [string, string][] = [
    ["10.0.0.2", `020000000001 ${ends}`],
    ["10.0.0.2", `020000000001 ${ends}`],
    ["239.1.1.1", `01005e000000 ${ends}`],
    ["239.1.1.1", `01005e000000 ${ends}`],
    ["10.0.0.255", `ffffffffffff ${ends}`],
  ];
  for (const [destination, header] of headers) {
    a.send(frameTo(destination));
    const packet = a.posted().find((each) => !arpOf(each));
    assertEquals(packet!.ethernet, hex(header), destination);
  }
  rig.check();
});

Deno.test("several requests for one address with sender 0.0.0.0 are answered in order", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const c = rig.host({ address: "10.0.0.3" });
  muteKernel(a);
  const probe = kernelArp(Request, "0.0.0.0", "10.0.0.1");
  for (const host of [c, b, c]) transmit(host, probe);
  a.posted();
  const answer = kernelArp(Reply, "10.0.0.1", "0.0.0.0");
  transmit(a, answer, answer);
  assertEquals(replies(a), ["3", "2"]);
  transmit(a, answer);
  assertEquals(replies(a), ["3"]);
  // A reply without a pending request is broadcast.
  transmit(a, answer);
  assertEquals(replies(a), ["all"]);
  assertEquals(a.link.neighbours.size, 0);
  rig.check();
});

Deno.test("two hosts that send requests with the same sender address get one reply each", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const c = rig.host();
  muteKernel(a);
  for (const host of [b, c]) {
    transmit(host, kernelArp(Request, "10.0.0.7", "10.0.0.1"));
  }
  a.posted();
  const answer = kernelArp(Reply, "10.0.0.1", "10.0.0.7");
  transmit(a, answer, answer);
  assertEquals(replies(a), ["2", "3"]);
  rig.check();
});

Deno.test("a request that is older than two seconds is ignored", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  muteKernel(a);
  const probe = kernelArp(Request, "0.0.0.0", "10.0.0.1");
  const answer = kernelArp(Reply, "10.0.0.1", "0.0.0.0");
  transmit(b, probe);
  rig.advance(2000);
  a.posted();
  transmit(a, answer);
  assertEquals(replies(a), ["2"], "proxy ARP may reply late");
  transmit(b, probe);
  rig.advance(2001);
  a.posted();
  transmit(a, answer);
  assertEquals(replies(a), ["all"]);
  rig.check();
});

Deno.test("an unsolicited reply is sent to the peer of its target address, else broadcast", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  a.posted();
  transmit(a, kernelArp(Reply, "10.0.0.1", "10.0.0.2"));
  assertEquals(replies(a), ["2"]);
  transmit(a, kernelArp(Reply, "10.0.0.1", "10.0.0.9"));
  assertEquals(replies(a), ["all"]);
  assertEquals(a.neighbour("10.0.0.9"), undefined);
  rig.check();
});

Deno.test("pending requests are dropped when the link ends", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  muteKernel(a);
  transmit(b, kernelArp(Request, "0.0.0.0", "10.0.0.1"));
  a.port.emit({ type: "lid_change" });
  rig.settle();
  a.posted();
  transmit(a, kernelArp(Reply, "10.0.0.1", "0.0.0.0"));
  assertEquals(replies(a), ["all"]);
  rig.check();
});

Deno.test("a 56-byte ARP packet of a program is sent with the interface's own address", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + 56);
  const header = kernelArp(Request, "10.0.0.1", "10.0.0.2");
  frame.set(header.slice(0, FRAME_HEADER_LENGTH));
  const forged = B.replace("000048", "000777");
  const wire = `0020 0800 14 04 0001 ${forged} 0a000001 ${ZERO} 0a000002`;
  frame.set(hex(wire), FRAME_HEADER_LENGTH);
  transmit(a, frame);
  const [packet] = a.posted();
  assertEquals(targetOf(packet!), "all");
  assertEquals(
    packet!.payload,
    hex(`0020 0800 14 04 0001 ${A} 0a000001 ${ZERO} 0a000002`),
  );
  rig.check();
});

Deno.test("ARP packets are dropped and counted until the link is running", () => {
  const rig = new Rig();
  const host = rig.host({ address: "10.0.0.1", register: false });
  transmit(host, kernelArp(Request, "10.0.0.1", "10.0.0.2"));
  assertEquals(host.drops, { tx_link_down: 1 });
  rig.check();
});

Deno.test("an ARP packet that the device refuses is counted as a drop, not as received", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const { rx_packets } = a.totals;
  for (const errno of [5, 22]) {
    a.netdev.writeError = errno;
    a.receiveArp(b, arpRequest(b.address, ip("10.0.0.2"), ip("10.0.0.1")));
  }
  assertEquals(a.drops, { rx_device_down: 1, rx_device_refused: 1 });
  assertEquals(a.totals.rx_packets, rx_packets);
});

Deno.test("ARP packets of unknown kinds, with own or multicast addresses, are ignored without an error", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const written = muteKernel(a);
  const good = arpRequest(b.address, ip("10.0.0.2"), ip("10.0.0.1"));
  const ignored: Arp[] = [
    { ...good, operation: ArpOperation.RarpRequest },
    { ...good, operation: 77 },
    { ...good, senderAddress: a.address },
    { ...good, senderIp: ip("239.0.0.1") },
    { ...good, targetIp: ip("239.0.0.1") },
  ];
  const { arpReceived } = a.link.statistics;
  for (const arp of ignored) a.receiveArp(b, arp);
  assertEquals(written, []);
  assertEquals([a.arps(), a.link.neighbours.size], [[], 0]);
  assertEquals(a.drops, {});
  assertEquals(a.link.statistics.arpReceived, arpReceived + ignored.length);
});

Deno.test("a duplicate of an own address is logged once and creates no neighbour", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const written = muteKernel(a);
  const claim = arpRequest(b.address, ip("10.0.0.1"), ip("10.0.0.1"));
  for (let i = 0; i < 3; i++) a.receiveArp(b, claim);
  const lines = logLines.filter((line) => line.includes("is also used by"));
  assertEquals(lines.length, 1);
  assert(lines[0]!.startsWith("ib1: warning: 10.0.0.1"));
  assertEquals(a.neighbour("10.0.0.1"), undefined);
  assertEquals(written.length, 3, "the kernel receives the packets");
  rig.check();
});

Deno.test("the flags of a peer's address are kept", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const flagged = { ...b.address, flags: 0x80 };
  a.receiveArp(b, arpRequest(flagged, ip("10.0.0.2"), ip("10.0.0.1")));
  assertEquals(a.neighbour("10.0.0.2")!.peer!.address, flagged);
  const [reply] = a.arps();
  assertEquals(reply!.targetAddress, flagged);
  assertEquals(reply!.senderAddress.flags, 0, "datagram mode only");
});

Deno.test("truncated ARP packets and other hardware or protocol types are malformed", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const good = kernelArp(Request, "10.0.0.1", "10.0.0.2");
  const spoilt = (at: number, value: number) => {
    const frame = good.slice();
    viewOf(frame).setUint8(FRAME_HEADER_LENGTH + at, value);
    return frame;
  };
  const frames = [
    good.slice(0, -1),
    spoilt(1, 1),
    spoilt(3, 1),
    spoilt(4, 6),
    spoilt(5, 16),
  ];
  transmit(a, ...frames);
  assertEquals(a.drops, { tx_malformed: frames.length });
  assertEquals(a.posted(), []);
  rig.check();
});
