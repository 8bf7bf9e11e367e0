import { assertEquals, assertNotEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { icrc, vcrc } from "../../src/wire/crc.ts";
import { infinibandFrame } from "../../src/wire/infiniband_frame.ts";
import { golden, hex, viewOf } from "./support.ts";

const SAMPLE = golden("ibta_sample_packet");

Deno.test("icrc() gives the value of IBTA's sample packet", () => {
  const end = SAMPLE.length - 4;
  const stored = viewOf(SAMPLE).getUint32(end, true);
  assertEquals(icrc(SAMPLE, 0, end), stored);
  assertEquals(stored, 0x5ab72596);
});

Deno.test("icrc() is CRC-32 of the packet with its variant fields made ones", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.boolean(),
      fc.nat(9),
      (payload, global, offset) => {
        const frame = infinibandFrame(
          {
            lrh: { dlid: 1, slid: 2, vl: 5, sl: 3 },
            ...(global
              ? { grh: { sgid: SAMPLE.slice(0, 16), dgid: SAMPLE.slice(16) } }
              : {}),
            bth: { pkey: 0x8001, destQpn: 9, psn: 77 },
            deth: { qkey: 1, sourceQpn: 2 },
          },
          payload,
        );
        const end = frame.length - 6;
        const masked = frame.slice(0, end);
        if (global) {
          masked.fill(0xff, 0, 8);
          masked.set(hex("6fffffff"), 8);
          masked[15] = 0xff;
          masked[52] = 0xff;
        } else {
          masked[0] = 0xf0;
          masked[12] = 0xff;
        }
        const buffer = new Uint8Array(offset + frame.length);
        buffer.set(frame, offset);
        assertEquals(icrc(buffer, offset, offset + end), crc32(masked));
      },
    ),
  );
});

Deno.test("icrc() does not change where a router may write, and does elsewhere", () => {
  const frame = infinibandFrame(
    {
      lrh: { dlid: 1, slid: 2 },
      grh: { sgid: new Uint8Array(16), dgid: new Uint8Array(16) },
      bth: { pkey: 0xffff, destQpn: 1 },
      deth: { qkey: 1, sourceQpn: 2 },
    },
    new Uint8Array(3),
  );
  const end = frame.length - 6;
  const before = icrc(frame, 0, end);
  // LNH decides what is covered, so byte 1 changes in its upper half only.
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
  /** Long division over the bits as they are sent. */
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
    // The coefficient of x^15 is sent first and stands in the lowest bit.
    return bits.slice(-16).reduce((crc, bit, i) => crc | (bit ^ 1) << i, 0);
  };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 60 }), (bytes) => {
      assertEquals(vcrc(bytes, 0, bytes.length), slow(bytes));
    }),
  );
});
