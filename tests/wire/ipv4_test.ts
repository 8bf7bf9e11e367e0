import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { emitIpv4Header, IpProtocol, Ipv4Packet } from "../../src/wire/ipv4.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { golden, prefilled, viewOf } from "./support.ts";

const ECHO = golden("icmp_echo");

Deno.test("Ipv4Packet getters read the golden bytes", () => {
  const packet = new Ipv4Packet().at(viewOf(ECHO), 0);
  assert(packet.valid(ECHO.length));
  assertEquals(packet.version, 4);
  assertEquals(packet.headerLength, 20);
  assertEquals(packet.tos, 0);
  assertEquals(packet.totalLength, 39);
  assertEquals(packet.id, 0xbeef);
  assert(packet.dontFragment && !packet.moreFragments);
  assertEquals(packet.fragmentOffset, 0);
  assertEquals(packet.ttl, 64);
  assertEquals(packet.protocol, IpProtocol.Icmp);
  assertEquals(packet.checksum, 0x67e4);
  assertEquals(packet.source, parseIpv4("10.0.0.1"));
  assertEquals(packet.destination, parseIpv4("10.0.0.2"));
  assert(packet.checksumOk());
});

Deno.test("emitIpv4Header() writes the golden bytes", () => {
  const buffer = prefilled(24);
  const length = emitIpv4Header(
    {
      source: parseIpv4("10.0.0.1")!,
      destination: parseIpv4("10.0.0.2")!,
      protocol: IpProtocol.Icmp,
      payloadLength: 19,
      id: 0xbeef,
      dontFragment: true,
    },
    viewOf(buffer),
    3,
  );
  assertEquals(length, 20);
  assertEquals(buffer.subarray(3, 23), ECHO.subarray(0, 20));
  assertEquals([buffer[2], buffer[23]], [0xa5, 0xa5]);
});

Deno.test("Ipv4Packet agrees with a naive decoder on any bytes", () => {
  const headers = fc.uint8Array({ minLength: 20, maxLength: 60 });
  const packet = new Ipv4Packet();
  fc.assert(fc.property(headers, fc.nat(9), (bytes, base) => {
    const buffer = prefilled(base + bytes.length);
    buffer.set(bytes, base);
    packet.at(viewOf(buffer), base);
    const word = (at: number) => bytes[at]! * 256 + bytes[at + 1]!;
    const long = (at: number) => word(at) * 65536 + word(at + 2) | 0;
    const flags = bytes[6]! >> 5;
    assertEquals(
      [
        packet.version,
        packet.headerLength,
        packet.tos,
        packet.totalLength,
        packet.id,
        packet.dontFragment,
        packet.moreFragments,
        packet.fragmentOffset,
        packet.ttl,
        packet.protocol,
        packet.checksum,
        packet.source,
        packet.destination,
      ],
      [
        Math.floor(bytes[0]! / 16),
        bytes[0]! % 16 * 4,
        bytes[1],
        word(2),
        word(4),
        (flags & 2) !== 0,
        (flags & 1) !== 0,
        word(6) % 8192 * 8,
        bytes[8],
        bytes[9],
        word(10),
        long(12),
        long(16),
      ],
    );
  }));
});

Deno.test("Ipv4Packet.valid() refuses what is no whole IPv4 packet", () => {
  for (let length = 0; length < ECHO.length; length++) {
    assert(!new Ipv4Packet(viewOf(ECHO), 0).valid(length));
    assert(!new Ipv4Packet(viewOf(ECHO.slice(0, length)), 0).valid(length));
  }
  const spoilt = (at: number, value: number) => {
    const bytes = ECHO.slice();
    bytes[at] = value;
    return new Ipv4Packet(viewOf(bytes), 0).valid(bytes.length);
  };
  assert(spoilt(0, 0x45));
  assert(!spoilt(0, 0x65), "version 6");
  assert(!spoilt(0, 0x44), "header shorter than 20 bytes");
  assert(!spoilt(0, 0x4f), "header longer than the packet");
  assert(!spoilt(3, 19), "total length shorter than the header");
  assert(!spoilt(3, 40), "total length beyond the bytes");
  assert(!new Ipv4Packet(viewOf(ECHO), 1).valid(39), "beyond the view");
});

Deno.test("Ipv4Packet.updateChecksum() follows a change", () => {
  const packet = new Ipv4Packet(viewOf(ECHO.slice()), 0);
  packet.totalLength = 30;
  packet.id = 1;
  assert(!packet.checksumOk());
  packet.updateChecksum();
  assert(packet.checksumOk());
});
