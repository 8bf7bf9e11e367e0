import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  emitIcmpEcho,
  emitUnreachable,
  mayReportError,
  parseIcmpEcho,
  UNREACHABLE_MAX_LENGTH,
  UnreachableCode,
} from "../../src/wire/icmp.ts";
import { emitIpv4Header, IpProtocol, Ipv4Packet } from "../../src/wire/ipv4.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { golden, hex, prefilled, viewOf } from "./support.ts";

const ECHO = golden("icmp_echo").subarray(20);
const TOO_BIG = golden("icmp_fragmentation_needed");
const ip = (text: string) => parseIpv4(text)!;

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

Deno.test("parseIcmpEcho() reads back what emitIcmpEcho() writes", () => {
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

Deno.test("parseIcmpEcho() refuses truncated, spoilt and other messages", () => {
  for (let length = 0; length < ECHO.length; length++) {
    assertEquals(parseIcmpEcho(viewOf(ECHO), 0, length), undefined);
  }
  for (let at = 0; at < ECHO.length; at++) {
    const bytes = ECHO.slice();
    bytes[at]! ^= 0x04;
    assertEquals(parseIcmpEcho(viewOf(bytes), 0, bytes.length), undefined);
  }
  const error = viewOf(TOO_BIG.slice(20));
  assertEquals(parseIcmpEcho(error, 0, error.byteLength), undefined);
  // Code 1, with a checksum that is right for it.
  const coded = viewOf(hex("0801 f7fe 0000 0000"));
  assertEquals(parseIcmpEcho(coded, 0, 8), undefined);
  const long = new Uint8Array(0x10000);
  long.set(hex("0800 f7ff"));
  assertEquals(parseIcmpEcho(viewOf(long), 0, 0x10000), undefined);
  assertEquals(parseIcmpEcho(viewOf(long), 0, 0xffff)?.payload.length, 65527);
});

Deno.test("emitUnreachable() writes the golden bytes", () => {
  const original = prefilled(3020);
  original.set(TOO_BIG.subarray(28, 56));
  const packet = new Ipv4Packet(viewOf(original), 0);
  assert(packet.valid(3020) && packet.checksumOk());
  const buffer = prefilled(UNREACHABLE_MAX_LENGTH);
  const length = emitUnreachable(
    {
      source: ip("10.0.0.2"),
      code: UnreachableCode.FragmentationNeeded,
      mtu: 2044,
    },
    packet,
    viewOf(buffer),
    0,
  );
  assertEquals(buffer.subarray(0, length), TOO_BIG);
  assertEquals(buffer.subarray(length), prefilled(buffer.length - length));
});

Deno.test("emitUnreachable() quotes all options, and no more than there is", () => {
  const original = new Uint8Array(72);
  const view = viewOf(original);
  emitIpv4Header(
    { source: 1, destination: 2, protocol: 17, payloadLength: 52 },
    view,
    0,
  );
  original[0] = 0x4f;
  const packet = new Ipv4Packet(view, 0);
  const into = prefilled(UNREACHABLE_MAX_LENGTH);
  const error = { source: 2, code: UnreachableCode.Host };
  assertEquals(
    emitUnreachable(error, packet, viewOf(into), 0),
    UNREACHABLE_MAX_LENGTH,
  );
  const made = new Ipv4Packet(viewOf(into), 0);
  assert(made.valid(into.length) && made.checksumOk());
  packet.totalLength = 62;
  assertEquals(emitUnreachable(error, packet, viewOf(into), 0), 28 + 62);
});

Deno.test("mayReportError() follows RFC 1122 section 3.2.2", () => {
  const may = (
    { source = "10.0.0.1", destination = "10.0.0.2", protocol = 17, type = 0 },
    fragment = 0,
  ) => {
    const view = viewOf(new Uint8Array(28));
    emitIpv4Header(
      {
        source: ip(source),
        destination: ip(destination),
        protocol,
        payloadLength: 8,
      },
      view,
      0,
    );
    view.setUint16(6, fragment);
    view.setUint8(20, type);
    return mayReportError(new Ipv4Packet(view, 0), 28);
  };
  assert(may({}));
  assert(may({}, 0x2000), "first fragment");
  assert(!may({}, 0x0001), "later fragment");
  assert(!may({ destination: "224.0.0.1" }));
  assert(!may({ destination: "255.255.255.255" }));
  assert(!may({ source: "0.0.0.0" }));
  assert(!may({ source: "239.0.0.1" }));
  assert(may({ protocol: IpProtocol.Icmp, type: 8 }));
  assert(may({ protocol: IpProtocol.Icmp, type: 0 }));
  assert(!may({ protocol: IpProtocol.Icmp, type: 3 }));
});
