import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  emitMadFrame,
  FRAME_LENGTH,
  parseMadFrame,
} from "../../../src/hca/verbs/mad_frame.ts";

Deno.test("emitMadFrame() writes the golden bytes", () => {
  const frame = emitMadFrame(new Uint8Array(256).fill(0xaa), {
    lid: 0x0102,
    pkeyIndex: 3,
    qpn: 1,
    qkey: 0x80010000,
    sl: 4,
  });
  const head = Array.from(frame.subarray(0, 42));
  assertEquals(head, [
    ...[1, 2, 0, 3, 0, 0, 0, 1],
    ...[0x80, 1, 0, 0, 4, 0, 0, 0],
    ...new Array(24).fill(0),
    ...[0xaa, 0xaa],
  ]);
  assertEquals(frame.length, FRAME_LENGTH);
});

Deno.test("emitMadFrame() writes the golden bytes of a GRH", () => {
  const gid = Uint8Array.from({ length: 16 }, (_, i) => 0x80 + i);
  const frame = emitMadFrame(new Uint8Array(256), {
    ...{ lid: 0, pkeyIndex: 0, qpn: 0, qkey: 0, sl: 0 },
    grh: {
      gid,
      sgidIndex: 2,
      flowLabel: 0x12345,
      hopLimit: 63,
      trafficClass: 9,
    },
  });
  assertEquals(Array.from(frame.subarray(12, 40)), [
    ...[0, 1, 63, 9],
    ...[0, 1, 0x23, 0x45],
    ...gid,
    ...[2, 0, 0, 0],
  ]);
});

Deno.test("parseMadFrame() reads what emitMadFrame() wrote", () => {
  const address = fc.record({
    lid: fc.nat(0xffff),
    pkeyIndex: fc.nat(0xffff),
    qpn: fc.nat(0xffffff),
    qkey: fc.nat(0xffffffff),
    sl: fc.nat(15),
    grh: fc.record({
      gid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      sgidIndex: fc.nat(0xff),
      flowLabel: fc.nat(0xfffff),
      hopLimit: fc.nat(0xff),
      trafficClass: fc.nat(0xff),
    }),
  }, { requiredKeys: ["lid", "pkeyIndex", "qpn", "qkey", "sl"] });
  const mad = fc.uint8Array({ minLength: 256, maxLength: 256 });
  fc.assert(fc.property(mad, address, (mad, address) => {
    assertEquals(parseMadFrame(emitMadFrame(mad, address)), { mad, address });
  }));
});

Deno.test("parseMadFrame() refuses another length", () => {
  assertEquals(parseMadFrame(new Uint8Array(FRAME_LENGTH - 1)), undefined);
  assertEquals(parseMadFrame(new Uint8Array(FRAME_LENGTH + 1)), undefined);
});
