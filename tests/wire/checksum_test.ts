import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  checksum,
  completeChecksum,
  fold,
  ipv4PseudoSum,
  ipv6PseudoSum,
  sum,
  TCP_CHECKSUM_OFFSET,
  UDP_CHECKSUM_OFFSET,
} from "../../src/wire/checksum.ts";
import { emitIpv4Header, IpProtocol } from "../../src/wire/ipv4.ts";
import { hex, random, viewOf } from "./support.ts";

/** The definition, word by word. */
function slow(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    total += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}

Deno.test("sum() gives the example of RFC 1071 section 3", () => {
  const bytes = hex("0001 f203 f4f5 f6f7");
  assertEquals(fold(sum(viewOf(bytes), 0, 8)), 0xddf2);
});

Deno.test("sum() agrees with the definition at any offset and length", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(7),
      (bytes, offset) => {
        const buffer = new Uint8Array(offset + bytes.length + 3).fill(0xff);
        buffer.set(bytes, offset);
        assertEquals(
          fold(sum(viewOf(buffer), offset, bytes.length)),
          slow(bytes),
        );
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("sum() does not overflow on 64 KiB of ones", () => {
  const bytes = new Uint8Array(65536).fill(0xff);
  assertEquals(fold(sum(viewOf(bytes), 0, 65536)), 0xffff);
  const next = random(7);
  for (let i = 0; i < bytes.length; i++) bytes[i] = next(256);
  assertEquals(
    fold(sum(viewOf(bytes), 0, 65535)),
    slow(bytes.subarray(0, -1)),
  );
});

Deno.test("sums of parts add up", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(32),
      (bytes, half) => {
        const cut = Math.min(2 * half, bytes.length & ~1);
        const view = viewOf(bytes);
        const parts = sum(view, 0, cut) + sum(view, cut, bytes.length - cut);
        assertEquals(fold(parts), slow(bytes));
      },
    ),
  );
});

Deno.test("checksum() of data with its own checksum is 0", () => {
  const bytes = hex("4500 0027 beef 4000 4001 0000 0a000001 0a000002");
  const view = viewOf(bytes);
  assertEquals(checksum(view, 0, 20), 0x67e4);
  view.setUint16(10, 0x67e4);
  assertEquals(checksum(view, 0, 20), 0);
});

/** An IPv4 packet in a larger buffer, partial checksum in place as the kernel leaves it. */
function partial(protocol: number, field: number, payload: Uint8Array) {
  const ip = 7;
  const bytes = new Uint8Array(ip + 20 + payload.length + 5);
  const view = viewOf(bytes);
  emitIpv4Header(
    {
      source: 0x0a000001,
      destination: 0xe0000002 | 0,
      protocol,
      payloadLength: payload.length,
    },
    view,
    ip,
  );
  bytes.set(payload, ip + 20);
  const pseudo = fold(ipv4PseudoSum(view, ip, protocol, payload.length));
  view.setUint16(ip + 20 + field, pseudo);
  return { bytes, view, ip, end: ip + 20 + payload.length };
}

Deno.test("completeChecksum() makes a checksum that verifies over the pseudo header", () => {
  const kinds = [
    [IpProtocol.Tcp, TCP_CHECKSUM_OFFSET],
    [IpProtocol.Udp, UDP_CHECKSUM_OFFSET],
  ] as const;
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.uint8Array({ minLength: 20, maxLength: 90 }),
      ([protocol, field], payload) => {
        const { view, bytes, ip, end } = partial(protocol, field, payload);
        const behind = bytes.slice(end);
        assert(completeChecksum(view, ip, 20, field, end));
        const total = ipv4PseudoSum(view, ip, protocol, payload.length) +
          sum(view, ip + 20, payload.length);
        assertEquals(fold(total), 0xffff);
        assertEquals(bytes.slice(end), behind);
      },
    ),
  );
});

Deno.test("completeChecksum() stores ones for a result of zero", () => {
  const view = viewOf(hex("ffff 0000 0000 0000"));
  assert(completeChecksum(view, 0, 0, 6, 8));
  assertEquals(view.getUint16(6), 0xffff);
});

Deno.test("completeChecksum() writes nothing when the field is not inside", () => {
  const bytes = new Uint8Array(64);
  const view = viewOf(bytes);
  for (
    const [start, offset, end] of [
      [20, 16, 37],
      [0xffff, 16, 64],
      [20, 0xffff, 64],
      [20, 6, 65],
      [63, 0, 64],
    ] as const
  ) {
    assert(!completeChecksum(view, 0, start, offset, end));
  }
  assertEquals(bytes, new Uint8Array(64));
});

Deno.test("ipv6PseudoSum() covers addresses, length and protocol", () => {
  const bytes = new Uint8Array(40);
  const next = random(3);
  for (let i = 0; i < 40; i++) bytes[i] = next(256);
  const pseudo = new Uint8Array(40);
  pseudo.set(bytes.subarray(8, 40));
  viewOf(pseudo).setUint32(32, 0x12345);
  viewOf(pseudo).setUint32(36, IpProtocol.Udp);
  assertEquals(
    fold(ipv6PseudoSum(viewOf(bytes), 0, IpProtocol.Udp, 0x12345)),
    slow(pseudo),
  );
});
