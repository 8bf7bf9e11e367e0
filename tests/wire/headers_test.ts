/** LRH and GRH: golden bytes for setters and getters, and the getters against a bit-by-bit decoder. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatGid, parseGid } from "../../src/wire/gid.ts";
import { Grh, GRH_LENGTH, GRH_NEXT_HEADER } from "../../src/wire/grh.ts";
import { LinkNextHeader, Lrh, LRH_LENGTH } from "../../src/wire/lrh.ts";
import { golden, prefilled, viewOf } from "./support.ts";

const GRH_AT = LRH_LENGTH;
const HEADERS = golden("grh_headers").subarray(0, GRH_AT + GRH_LENGTH);
const SGID = parseGid("fe80::2:c903:0:1")!;
const DGID = parseGid("ff12:401b:ffff::ffff:ffff")!;

Deno.test("getters read the golden bytes", () => {
  const view = viewOf(HEADERS);
  const lrh = new Lrh().at(view, 0);
  assertEquals(
    [lrh.vl, lrh.linkVersion, lrh.sl, lrh.nextHeader],
    [3, 0, 5, LinkNextHeader.IbaGlobal],
  );
  assertEquals([lrh.dlid, lrh.packetLength, lrh.slid], [0xc001, 30, 4]);
  const grh = new Grh().at(view, GRH_AT);
  assertEquals(
    [grh.version, grh.trafficClass, grh.flowLabel],
    [6, 0xa5, 0x12345],
  );
  assertEquals(
    [grh.payloadLength, grh.nextHeader, grh.hopLimit],
    [72, GRH_NEXT_HEADER, 64],
  );
  const gids = new Uint8Array(34);
  grh.copySgid(gids, 1);
  grh.copyDgid(gids, 17);
  assertEquals(formatGid(gids, 1), formatGid(SGID));
  assertEquals(formatGid(gids, 17), formatGid(DGID));
});

Deno.test("setters write the golden bytes", () => {
  const buffer = prefilled(HEADERS.length + 2);
  const view = viewOf(buffer);
  const lrh = new Lrh(view, 1);
  lrh.vl = 3;
  lrh.setSlAndNextHeader(5, LinkNextHeader.IbaGlobal);
  lrh.dlid = 0xc001;
  lrh.packetLength = 30;
  lrh.slid = 4;
  const grh = new Grh(view, 1 + GRH_AT);
  grh.setClassAndFlow(0xa5, 0x12345);
  grh.payloadLength = 72;
  grh.nextHeader = GRH_NEXT_HEADER;
  grh.hopLimit = 64;
  grh.setSgid(SGID);
  grh.setDgid(DGID);
  assertEquals(buffer.subarray(1, -1), HEADERS);
  assertEquals([buffer[0], buffer.at(-1)], [0xa5, 0xa5]);
});

Deno.test("getters agree with a bit-by-bit decoder", () => {
  const length = HEADERS.length;
  const bytes = fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(fc.property(bytes, (buffer) => {
    const bits = Array.from(buffer, (o) => o.toString(2).padStart(8, "0"))
      .join("");
    let at = 0;
    const take = (count: number) => parseInt(bits.slice(at, at += count), 2);
    const view = viewOf(buffer);
    const lrh = new Lrh(view, 0);
    assertEquals([lrh.vl, lrh.linkVersion, lrh.sl], [
      take(4),
      take(4),
      take(4),
    ]);
    take(2);
    assertEquals([lrh.nextHeader, lrh.dlid], [take(2), take(16)]);
    take(5);
    assertEquals([lrh.packetLength, lrh.slid], [take(11), take(16)]);
    const grh = new Grh(view, GRH_AT);
    assertEquals(
      [grh.version, grh.trafficClass, grh.flowLabel],
      [take(4), take(8), take(20)],
    );
    assertEquals(
      [grh.payloadLength, grh.nextHeader, grh.hopLimit],
      [take(16), take(8), take(8)],
    );
    take(256);
    assertEquals(at, bits.length);
  }));
});

Deno.test("packetLength masks a value larger than its field", () => {
  const view = viewOf(prefilled(12));
  const lrh = new Lrh(view, 0);
  lrh.packetLength = 0xffff;
  assertEquals(view.getUint16(4), 0x07ff);
});
