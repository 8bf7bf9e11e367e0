/** DHCP clients without knowledge of IPoIB on the fake fabric: a server sees RFC 4390, a client its own fields. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import type { PostedPacket } from "../../src/hca/fake.ts";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { type DhcpMessage, parseDhcp } from "../../src/wire/dhcp.ts";
import { type DhcpFields, dhcpPacket } from "../wire/dhcp_packet.ts";
import { viewOf } from "../wire/support.ts";
import { type Host, QKEY, Rig } from "./rig.ts";

const ETHERNET_ID = Uint8Array.of(1, 0, 0, 0, 0, 0, 0);
const MAC = Uint8Array.of(2, 3, 4, 5, 6, 7, ...new Uint8Array(10));
const DISCOVER: DhcpFields = {
  options: [[61, ETHERNET_ID], [53, Uint8Array.of(1)]],
};

function parse(packet: Uint8Array): DhcpMessage {
  return parseDhcp(viewOf(packet), 0, packet.length)!;
}

/** Returns hardware type, hardware length, flags and client identifier. */
function fields(packet: Uint8Array): unknown[] {
  const { htype, hlen, clientId } = parse(packet);
  const flags = viewOf(packet).getUint16(28 + 10);
  return [htype, hlen, flags, clientId?.toHex()];
}

/** Sends a packet from the kernel; returns the packet on the link. */
function sent(host: Host, packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + packet.length);
  // A packet socket may leave the checksum to the device.
  frame[0] = 1;
  viewOf(frame).setUint16(FRAME_HEADER_LENGTH - 2, EtherType.Ipv4);
  frame.set(packet, FRAME_HEADER_LENGTH);
  host.posted();
  host.send(frame);
  const [posted] = host.posted() as [PostedPacket];
  return posted.payload;
}

/** Delivers a packet from another host; returns the packet that the kernel receives. */
function received(to: Host, from: Host, packet: Uint8Array): Uint8Array {
  to.received();
  from.port.inject({
    handle: { dlid: to.port.attributes.lid, sl: 0, staticRate: 0 },
    destQpn: to.link.qpn,
    sourceQpn: from.link.qpn,
    qkey: QKEY,
    encap: encapWord(EtherType.Ipv4),
    payload: packet,
  });
  to.rig.settle();
  return to.received()[0]!;
}

Deno.test("a DISCOVER is sent with hardware type 32, the broadcast flag and an identifier from the GUID", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const identifiers = [a, b].map((host) => {
    const packet = sent(host, dhcpPacket(DISCOVER));
    const [htype, hlen, flags, id] = fields(packet);
    assertEquals([htype, hlen, flags], [32, 0, 0x8000]);
    assertEquals(parse(packet).chaddr, new Uint8Array(16));
    assertEquals(host.link.statistics.dhcpSent, 1);
    return id;
  });
  assertEquals(identifiers[0], "ff0000ffff000300200002c90300000001");
  assertNotEquals(identifiers[0], identifiers[1]);
  rig.check();
});

Deno.test("a client's own identifier is kept, and a client with an address gets no broadcast flag", () => {
  const [a] = new Rig().pair();
  for (const id of ["ff00112233", "00686f7374", "01020304050607"]) {
    const packet = dhcpPacket({
      options: [[61, Uint8Array.fromHex(id)]],
      ciaddr: 0x0a000001,
    });
    assertEquals(fields(sent(a, packet)), [32, 0, 0, id]);
  }
});

Deno.test("a reply reaches the client with the fields that it sent", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const request = sent(a, dhcpPacket({ ...DISCOVER, chaddr: MAC }));
  const echoed = [61, parse(request).clientId!] as const;
  const answer: DhcpFields = {
    op: 2,
    htype: 32,
    hlen: 0,
    ports: [67, 68],
    source: "10.0.0.2",
  };
  const withId = received(a, b, dhcpPacket({ ...answer, options: [echoed] }));
  assertEquals(fields(withId), [1, 6, 0, ETHERNET_ID.toHex()]);
  assertEquals(parse(withId).chaddr, MAC);
  const without = received(a, b, dhcpPacket(answer));
  assertEquals(fields(without), [1, 6, 0, undefined]);
  assertEquals(a.link.statistics.dhcpReceived, 2);
  // A reply to another client is not changed.
  const other = dhcpPacket({ ...answer, xid: 7 });
  assertEquals(received(a, b, other), other);
  assertEquals(a.link.statistics.dhcpReceived, 2);
  rig.check();
});

Deno.test("a reply that the device refuses is counted once as dropped, and passed to the observers", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  sent(a, dhcpPacket(DISCOVER));
  const { statistics } = a.link;
  const observed: string[] = [];
  statistics.dropObservers.add(({ reason }) => void observed.push(reason));
  a.netdev.writeError = Errno.ENOMEM;
  const ports = [67, 68] as const;
  const answer = { op: 2, htype: 32, hlen: 0, ports, source: "10.0.0.2" };
  assertEquals(received(a, b, dhcpPacket(answer)), undefined);
  assertEquals(statistics.dropsByReason(), { rx_device_refused: 1 });
  assertEquals(observed, ["rx_device_refused"]);
  rig.check();
});

Deno.test("messages of servers and relay agents, and malformed ones, are not changed", () => {
  const [a, b] = new Rig().pair();
  const packets = [
    dhcpPacket({ op: 2, ports: [67, 68] }),
    dhcpPacket({ giaddr: 0x0a000001 }),
    dhcpPacket({ options: [] }).map((byte, i) => i === 264 ? 0 : byte),
  ];
  for (const packet of packets) assertEquals(sent(a, packet), packet);
  const request = dhcpPacket(DISCOVER);
  assertEquals(received(a, b, request), request);
  assertEquals(a.link.statistics.dhcpSent, 0);
});

Deno.test("a flood of transactions forgets the oldest", () => {
  const [a, b] = new Rig().pair();
  for (let xid = 0; xid < 65; xid++) sent(a, dhcpPacket({ ...DISCOVER, xid }));
  const reply = (xid: number) =>
    dhcpPacket({ op: 2, htype: 32, hlen: 0, ports: [67, 68], xid });
  assertEquals(fields(received(a, b, reply(0)))[0], 32);
  assertEquals(fields(received(a, b, reply(1)))[0], 1);
});
