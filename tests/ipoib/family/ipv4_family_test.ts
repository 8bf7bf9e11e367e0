import { assertEquals, assertNotEquals } from "@std/assert";
import { ipv4Family } from "../../../src/ipoib/family/ipv4_family.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { hex, viewOf } from "../../wire/support.ts";
import { ip } from "../rig.ts";

/** UDP from 10.0.0.1 port 0x1234 to 10.0.0.2 port 0x5678, type of service 0x2e. */
const UDP = hex(
  `45 2e 0020 0000 4000 40 11 0000 0a000001 0a000002
   1234 5678 000c 0000 00000000`,
);
/** The same packet with four bytes of IP options. */
const OPTIONS = hex(
  `46 2e 0024 0000 4000 40 11 0000 0a000001 0a000002 01010101
   1234 5678 000c 0000 00000000`,
);

function spoilt(changes: Record<number, number>): Uint8Array {
  const packet = UDP.slice();
  for (const [at, value] of Object.entries(changes)) packet[Number(at)] = value;
  return packet;
}

/** Places the packet at offset 3, because packets of the data path are not at the start of the memory. */
function at3(packet: Uint8Array): DataView {
  const bytes = new Uint8Array(3 + packet.length).fill(0xa5);
  bytes.set(packet, 3);
  return viewOf(bytes);
}

function keyOf(packet: Uint8Array, byPort = false): number[] | undefined {
  const key = new Int32Array(ipv4Family.flowWords);
  return ipv4Family.flowKey(at3(packet), 3, packet.length, key, byPort)
    ? [...key]
    : undefined;
}

const flowOf = (packet: Uint8Array) =>
  ipv4Family.flow(at3(packet), 3, packet.length);
const hashOf = (packet: Uint8Array) =>
  ipv4Family.flowHash(at3(packet), 3, packet.length);

Deno.test("IPv4: flow keys include protocol and ports if policy rules match on them", () => {
  assertEquals(
    keyOf(UDP, true),
    [0x0a000001, 0x12345678, 0x2e11ffff, 0x0a000002],
  );
  for (const at of [1, 9, 12, 15, 16, 19, 20, 23]) {
    const changed = spoilt({ [at]: 0x06 });
    assertNotEquals(keyOf(changed, true), keyOf(UDP, true), `byte ${at}`);
  }
});

Deno.test("IPv4: by default flow keys consist of source, type of service and destination, without ports", () => {
  assertEquals(keyOf(UDP), [0x0a000001, 0, 0x2e00ffff, 0x0a000002]);
  assertEquals(keyOf(spoilt({ 20: 0xff, 22: 0xff })), keyOf(UDP));
  for (const at of [1, 12, 15, 16, 19]) {
    assertNotEquals(keyOf(spoilt({ [at]: 0x7f })), keyOf(UDP), `byte ${at}`);
  }
});

Deno.test("IPv4: packets with a short header or another version are malformed", () => {
  assertEquals(keyOf(UDP.slice(0, 19)), undefined);
  assertEquals(keyOf(spoilt({ 0: 0x65 })), undefined);
  assertEquals(ipv4Family.isPacket(viewOf(UDP), 0, 20), true);
  assertEquals(ipv4Family.isPacket(viewOf(UDP), 0, 19), false);
});

Deno.test("IPv4: flow() returns the routing fields of a packet", () => {
  const flow = {
    destination: IpAddress.ipv4(ip("10.0.0.2")),
    source: IpAddress.ipv4(ip("10.0.0.1")),
    tos: 0x2e,
    protocol: 17,
    sourcePort: 0x1234,
    destinationPort: 0x5678,
  };
  assertEquals(flowOf(UDP), flow);
  assertEquals(flowOf(OPTIONS), flow);
  assertEquals(flowOf(spoilt({ 9: 6 })), { ...flow, protocol: 6 });
});

Deno.test("IPv4: other protocols, later fragments and truncated packets have no ports", () => {
  const without = [
    { name: "ICMP", packet: spoilt({ 9: 1 }) },
    { name: "a later fragment", packet: spoilt({ 6: 0x20, 7: 1 }) },
    { name: "a truncated packet", packet: UDP.slice(0, 23) },
  ];
  for (const { name, packet } of without) {
    const { sourcePort, destinationPort } = flowOf(packet);
    assertEquals([sourcePort, destinationPort], [0, 0], name);
  }
  // The first fragment has ports.
  assertEquals(flowOf(spoilt({ 6: 0x20 })).sourcePort, 0x1234);
});

Deno.test("IPv4: the flow hash depends on addresses, protocol and ports only", () => {
  for (const at of [9, 12, 15, 16, 19, 20, 21, 22, 23]) {
    const value = at === 9 ? 6 : 0x7f;
    assertNotEquals(hashOf(spoilt({ [at]: value })), hashOf(UDP), `byte ${at}`);
  }
  for (const at of [1, 4, 8, 10, 24, 27]) {
    assertEquals(hashOf(spoilt({ [at]: 0x7f })), hashOf(UDP), `byte ${at}`);
  }
  assertEquals(hashOf(OPTIONS), hashOf(UDP));
});

Deno.test("IPv4: groups are 224.0.0.0/4 and 255.255.255.255", () => {
  const cases: [string, boolean, boolean][] = [
    ["223.255.255.255", false, false],
    ["224.0.0.1", true, true],
    ["239.255.255.255", true, true],
    ["240.0.0.1", false, false],
    // Sent to the broadcast group; the received frame is a broadcast, not a multicast.
    ["255.255.255.255", true, false],
  ];
  for (const [text, multicast, group] of cases) {
    const address = ip(text);
    const packet = UDP.slice();
    viewOf(packet).setInt32(16, address);
    assertEquals(
      [
        ipv4Family.isMulticast(IpAddress.ipv4(address)),
        ipv4Family.isToGroup(at3(packet), 3),
      ],
      [multicast, group],
      text,
    );
  }
});

Deno.test("IPv4: the MGID of a group has the link's scope and P_Key and the low 28 bits of the address", () => {
  const link = broadcastMgid(0x8001);
  const mgid = (text: string) =>
    ipv4Family.mgid(IpAddress.ipv4(ip(text)), link);
  assertEquals(
    mgid("239.129.2.3"),
    hex("ff12 401b 8001 0000 0000 0000 0f81 0203"),
  );
  assertEquals(mgid("255.255.255.255"), link);
});

Deno.test("IPv4: IGMP packets are membership reports", () => {
  assertEquals(ipv4Family.isReport(at3(spoilt({ 9: 2 })), 3, 28), true);
  assertEquals(ipv4Family.isReport(at3(UDP), 3, 28), false);
});
