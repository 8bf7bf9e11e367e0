import { assertEquals, assertNotEquals } from "@std/assert";
import { ipv6Family } from "../../../src/ipoib/family/ipv6_family.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { hex, ipAddress, viewOf } from "../../wire/support.ts";

/** UDP from fd00::1 port 0x1234 to fd00::2 port 0x5678, traffic class 0x2e, flow label 0x00789. */
const UDP = hex(
  `62e00789 0008 11 40 fd000000000000000000000000000001
   fd000000000000000000000000000002 1234 5678 0008 0000`,
);
/** MLDv2 report to ff02::16 after a hop-by-hop header with a router alert. */
const REPORT = hex(
  `60000000 0024 00 01 fe80000000000000000000000000000a
   ff020000000000000000000000000016 3a00 0502 0000 0100
   8f00 0000 0000 0001 04000000 ff050000000000000000000000000001`,
);
/** Neighbour solicitation for fe80::b. */
const SOLICITATION = hex(
  `60000000 0018 3a ff fe80000000000000000000000000000a
   ff0200000000000000000001ff00000b 8700 0000 00000000
   fe80000000000000000000000000000b`,
);

function spoilt(changes: Record<number, number>): Uint8Array {
  const packet = UDP.slice();
  for (const [at, value] of Object.entries(changes)) packet[Number(at)] = value;
  return packet;
}

/** Places the packet at offset 2, because packets of the data path are not at the start of the memory. */
function at2(packet: Uint8Array): DataView {
  const bytes = new Uint8Array(2 + packet.length).fill(0xa5);
  bytes.set(packet, 2);
  return viewOf(bytes);
}

function keyOf(packet: Uint8Array, byPort = false): number[] | undefined {
  const key = new Int32Array(ipv6Family.flowWords);
  return ipv6Family.flowKey(at2(packet), 2, packet.length, key, byPort)
    ? [...key]
    : undefined;
}

const hashOf = (packet: Uint8Array) =>
  ipv6Family.flowHash(at2(packet), 2, packet.length);

Deno.test("IPv6: by default flow keys consist of addresses and traffic class, without ports and flow label", () => {
  const prefix = 0xfd000000 | 0;
  assertEquals(keyOf(UDP), [prefix, 0, 0, 1, prefix, 0, 0, 2, 0, 0x2e00]);
  assertEquals(keyOf(spoilt({ 2: 0xff, 40: 0xff, 42: 0xff })), keyOf(UDP));
  for (const at of [0, 1, 8, 23, 24, 39]) {
    const version = at === 0 ? 0x6f : 0xf0;
    assertNotEquals(keyOf(spoilt({ [at]: version })), keyOf(UDP), `byte ${at}`);
  }
});

Deno.test("IPv6: flow keys include protocol and ports if policy rules match on them", () => {
  assertEquals(keyOf(UDP, true)!.slice(8), [0x12345678, 0x2e11]);
  for (const at of [6, 40, 41, 42, 43]) {
    const changed = spoilt({ [at]: 0x06 });
    assertNotEquals(keyOf(changed, true), keyOf(UDP, true), `byte ${at}`);
  }
  // A packet that ends in its ports has none.
  assertEquals(keyOf(spoilt({ 5: 2 }).slice(0, 42), true)?.at(8), 0);
});

Deno.test("IPv6: short packets, other versions and v4-mapped destinations have no flow key", () => {
  assertEquals(keyOf(UDP.slice(0, 39)), undefined);
  assertEquals(keyOf(spoilt({ 0: 0x45 })), undefined);
  const mapped = UDP.slice();
  mapped.set(hex("00000000000000000000ffff0a000001"), 24);
  assertEquals(keyOf(mapped), undefined);
});

Deno.test("IPv6: flow() returns the routing fields of a packet", () => {
  assertEquals(ipv6Family.flow(at2(UDP), 2, UDP.length), {
    destination: ipAddress("fd00::2"),
    source: ipAddress("fd00::1"),
    tos: 0x2e,
    protocol: 17,
    sourcePort: 0x1234,
    destinationPort: 0x5678,
  });
});

Deno.test("IPv6: the flow hash depends on addresses, protocol and ports only", () => {
  assertEquals(hashOf(spoilt({ 2: 0xff, 7: 0xff })), hashOf(UDP));
  for (const at of [6, 23, 39, 41, 43]) {
    assertNotEquals(hashOf(spoilt({ [at]: 0x06 })), hashOf(UDP), `byte ${at}`);
  }
});

Deno.test("IPv6: neighbour discovery and MLD reports are recognized, other packets are neither", () => {
  const kindOf = (packet: Uint8Array) => [
    ipv6Family.isResolution(at2(packet), 2, packet.length),
    ipv6Family.isReport(at2(packet), 2, packet.length),
  ];
  assertEquals(kindOf(SOLICITATION), [true, false]);
  assertEquals(kindOf(REPORT), [false, true]);
  assertEquals(kindOf(UDP), [false, false]);
  assertEquals(kindOf(REPORT.slice(0, 44)), [false, false]);
  assertEquals(kindOf(SOLICITATION.slice(0, 40)), [false, false]);
});

Deno.test("IPv6: groups of scope 2 and above are on the link, with the MGID of RFC 4391", () => {
  const groups = ["ff01::1", "ff02::1", "ff05::2", "ff0e::1"];
  assertEquals(
    groups.map((text) => ipv6Family.isOnLinkGroup(ipAddress(text))),
    [false, true, true, true],
  );
  assertEquals(
    ["ff02::1", "fe80::1", "fd00::1"].map((text) =>
      ipv6Family.isMulticast(ipAddress(text))
    ),
    [true, false, false],
  );
  assertEquals(
    ipv6Family.mgid(ipAddress("ff05::1:2"), broadcastMgid(0x8001)),
    hex("ff12601b800100000000000000010002"),
  );
  assertEquals(ipv6Family.isToGroup(at2(REPORT), 2), true);
  assertEquals(ipv6Family.isToGroup(at2(UDP), 2), false);
});
