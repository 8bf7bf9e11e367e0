import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  emitIcmpEcho,
  parseIcmpEcho,
} from "../../scripts/packets/icmp_echo.ts";
import { emitIpv4Header } from "../../scripts/packets/ipv4_header.ts";
import { IpProtocol } from "../../src/wire/ipv4.ts";
import { golden, hex, prefilled, viewOf } from "../wire/support.ts";

const PACKET = golden("icmp_echo");
const ECHO = PACKET.subarray(20);

Deno.test("emitIcmpEcho() writes the golden bytes", () => {
  const buffer = prefilled(ECHO.length + 2);
  const echo = {
    reply: false,
    id: 0x1234,
    sequence: 7,
    payload: ECHO.slice(8),
  };
  assertEquals(emitIcmpEcho(echo, viewOf(buffer), 1), ECHO.length);
  assertEquals(buffer.subarray(1, -1), ECHO);
  assertEquals([buffer[0], buffer.at(-1)], [0xa5, 0xa5]);
  assertEquals(parseIcmpEcho(viewOf(ECHO), 0, ECHO.length), echo);
});

Deno.test("parseIcmpEcho() is the inverse of emitIcmpEcho()", () => {
  const echoes = fc.record({
    reply: fc.boolean(),
    id: fc.nat(0xffff),
    sequence: fc.nat(0xffff),
    payload: fc.uint8Array({ maxLength: 60 }),
  });
  fc.assert(fc.property(echoes, (echo) => {
    const buffer = prefilled(70);
    const length = emitIcmpEcho(echo, viewOf(buffer), 0);
    assertEquals(parseIcmpEcho(viewOf(buffer), 0, length), echo);
  }));
});

Deno.test("parseIcmpEcho() refuses truncated, corrupt and other messages", () => {
  for (let length = 0; length < ECHO.length; length++) {
    assertEquals(parseIcmpEcho(viewOf(ECHO), 0, length), undefined);
  }
  for (let at = 0; at < ECHO.length; at++) {
    const bytes = ECHO.slice();
    bytes[at]! ^= 0x04;
    assertEquals(parseIcmpEcho(viewOf(bytes), 0, bytes.length), undefined);
  }
  // Code 1, with a correct checksum.
  const coded = viewOf(hex("0801 f7fe 0000 0000"));
  assertEquals(parseIcmpEcho(coded, 0, 8), undefined);
  const long = new Uint8Array(0x10000);
  long.set(hex("0800 f7ff"));
  assertEquals(parseIcmpEcho(viewOf(long), 0, 0x10000), undefined);
  assertEquals(parseIcmpEcho(viewOf(long), 0, 0xffff)?.payload.length, 65527);
});

Deno.test("emitIpv4Header() writes the golden bytes", () => {
  const buffer = prefilled(24);
  const length = emitIpv4Header(
    {
      source: 0x0a000001,
      destination: 0x0a000002,
      protocol: IpProtocol.Icmp,
      payloadLength: 19,
      id: 0xbeef,
      dontFragment: true,
    },
    viewOf(buffer),
    3,
  );
  assertEquals(length, 20);
  assertEquals(buffer.subarray(3, 23), PACKET.subarray(0, 20));
  assertEquals([buffer[2], buffer[23]], [0xa5, 0xa5]);
});
