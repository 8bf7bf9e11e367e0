import { assertEquals, assertNotEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { icrc, vcrc } from "../../src/wire/crc.ts";
import { golden, viewOf } from "./support.ts";

const SAMPLE = golden("ibta_sample_packet");

Deno.test("icrc() returns the ICRC of IBTA's sample packet", () => {
  const end = SAMPLE.length - 4;
  const stored = viewOf(SAMPLE).getUint32(end, true);
  assertEquals(icrc(SAMPLE, 0, end), stored);
  assertEquals(stored, 0x5ab72596);
});

/** Returns `bytes` as a packet with or without a GRH: sets the LNH of the LRH. */
function packet(global: boolean, bytes: Uint8Array): Uint8Array {
  const frame = bytes.slice();
  frame[1] = frame[1]! & ~3 | (global ? 3 : 2);
  return frame;
}

Deno.test("icrc() is the CRC-32 of the packet with ones in its variant fields", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 68, maxLength: 110 }),
      fc.boolean(),
      fc.nat(9),
      (bytes, global, offset) => {
        const frame = packet(global, bytes);
        const masked = frame.slice();
        if (global) {
          masked.fill(0xff, 0, 8);
          masked[8]! |= 0x0f;
          masked.fill(0xff, 9, 12);
          masked[15] = 0xff;
          masked[52] = 0xff;
        } else {
          masked[0]! |= 0xf0;
          masked[12] = 0xff;
        }
        const buffer = new Uint8Array(offset + frame.length);
        buffer.set(frame, offset);
        assertEquals(icrc(buffer, offset, buffer.length), crc32(masked));
      },
    ),
  );
});

Deno.test("icrc() changes with every byte except in variant fields", () => {
  const frame = packet(true, new Uint8Array(72));
  const end = frame.length;
  const before = icrc(frame, 0, end);
  // The changed bit 4 of byte 1 is not part of LNH, which determines the variant fields.
  const variant = new Set([0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 15, 52]);
  for (let at = 0; at < end; at++) {
    const changed = frame.slice();
    changed[at]! ^= 0x10;
    const compare = variant.has(at) ? assertEquals : assertNotEquals;
    compare(icrc(changed, 0, end), before, `byte ${at}`);
  }
});

Deno.test("vcrc() is a CRC-16 of x^16 + x^12 + x^3 + x + 1, lowest bit first", () => {
  const polynomial = [16, 12, 3, 1, 0];
  /** Polynomial division over the bits in the order of transmission. */
  const slow = (bytes: Uint8Array) => {
    const bits: number[] = [];
    for (const byte of bytes) {
      for (let bit = 0; bit < 8; bit++) bits.push(byte >> bit & 1);
    }
    bits.push(...new Array<number>(16).fill(0));
    for (let i = 0; i < 16; i++) bits[i]! ^= 1;
    for (let i = 0; i + 16 < bits.length; i++) {
      if (bits[i] === 0) continue;
      for (const power of polynomial) bits[i + 16 - power]! ^= 1;
    }
    // The coefficient of x^15 is transmitted first, as the least significant bit.
    return bits.slice(-16).reduce((crc, bit, i) => crc | (bit ^ 1) << i, 0);
  };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 60 }), (bytes) => {
      assertEquals(vcrc(bytes, 0, bytes.length), slow(bytes));
    }),
  );
});
