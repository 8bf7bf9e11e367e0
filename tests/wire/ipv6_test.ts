import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatIpv6, Ipv6Packet, parseIpv6 } from "../../src/wire/ipv6.ts";
import { hex, viewOf } from "./support.ts";

Deno.test("formatIpv6() writes the canonical text of RFC 5952", () => {
  for (
    const [bytes, text] of [
      ["00000000000000000000000000000000", "::"],
      ["00000000000000000000000000000001", "::1"],
      ["20010db8000000000000000000000000", "2001:db8::"],
      // The first of two equal runs, and never one group alone (sections 4.2.2, 4.2.3).
      ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
      ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
      ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ] as const
  ) {
    assertEquals(formatIpv6(hex(bytes)), text);
  }
});

Deno.test("parseIpv6() reads every notation", () => {
  for (
    const [text, bytes] of [
      ["FE80::1", "fe800000000000000000000000000001"],
      ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
      ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
      ["1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"],
      ["1::", "00010000000000000000000000000000"],
      ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
    ] as const
  ) {
    assertEquals(parseIpv6(text), hex(bytes), text);
  }
});

Deno.test("parseIpv6() refuses what is no address", () => {
  for (
    const text of [
      "",
      ":",
      ":::",
      "1",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7::8",
      "::1::",
      "12345::",
      "g::",
      ":1::",
      "1::2:",
      "fe80::1%ib0",
      "1.2.3.4::",
      "::1.2.3.4:5",
      "::256.0.0.1",
    ]
  ) {
    assertEquals(parseIpv6(text), undefined, text);
  }
});

Deno.test("Ipv6Packet getters read the header", () => {
  const bytes = hex(
    "6a512345 0004 3a 40 fe80000000000000000000000000000a ff020000000000000000000000000001 01020304",
  );
  const view = viewOf(bytes);
  const packet = new Ipv6Packet().at(view, 0);
  assert(packet.valid(44));
  assertEquals(packet.version, 6);
  assertEquals(packet.trafficClass, 0xa5);
  assertEquals(packet.flowLabel, 0x12345);
  assertEquals(packet.payloadLength, 4);
  assertEquals(packet.nextHeader, 58);
  assertEquals(packet.hopLimit, 64);
  assert(packet.multicast);
  assertEquals(formatIpv6(bytes, packet.sourceOffset), "fe80::a");
  assertEquals(formatIpv6(bytes, packet.destinationOffset), "ff02::1");
});

Deno.test("Ipv6Packet.valid() refuses truncated packets and other versions", () => {
  const bytes = new Uint8Array(44);
  bytes[0] = 0x60;
  bytes[5] = 4;
  const packet = new Ipv6Packet(viewOf(bytes), 0);
  for (let length = 0; length < 44; length++) assert(!packet.valid(length));
  assert(packet.valid(44));
  assert(!packet.valid(45));
  bytes[0] = 0x40;
  assert(!packet.valid(44));
});

Deno.test("parseIpv6() never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const bytes = parseIpv6(text);
    assert(bytes === undefined || bytes.length === 16);
  }));
  const almost = fc.stringMatching(/^[0-9a-f:.]{0,40}$/);
  fc.assert(fc.property(almost, (text) => {
    const bytes = parseIpv6(text);
    if (bytes) assertEquals(parseIpv6(formatIpv6(bytes)), bytes);
  }));
});
