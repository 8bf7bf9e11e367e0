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
  const head = Array.from(frame.subarray(0, 18));
  assertEquals(head, [
    ...[1, 2, 0, 3, 0, 0, 0, 1],
    ...[0x80, 1, 0, 0, 4, 0, 0, 0],
    ...[0xaa, 0xaa],
  ]);
  assertEquals(frame.length, FRAME_LENGTH);
});

Deno.test("parseMadFrame() reads what emitMadFrame() wrote", () => {
  const address = fc.record({
    lid: fc.nat(0xffff),
    pkeyIndex: fc.nat(0xffff),
    qpn: fc.nat(0xffffff),
    qkey: fc.nat(0xffffffff),
    sl: fc.nat(15),
  });
  const mad = fc.uint8Array({ minLength: 256, maxLength: 256 });
  fc.assert(fc.property(mad, address, (mad, address) => {
    assertEquals(parseMadFrame(emitMadFrame(mad, address)), { mad, address });
  }));
});

Deno.test("parseMadFrame() refuses another length", () => {
  assertEquals(parseMadFrame(new Uint8Array(FRAME_LENGTH - 1)), undefined);
  assertEquals(parseMadFrame(new Uint8Array(FRAME_LENGTH + 1)), undefined);
});
