import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  DEFAULT_SUBNET_PREFIX,
  formatGid,
  formatGidLong,
  gidEquals,
  gidFrom,
  gidGuid,
  gidKey,
  gidPrefix,
  parseGid,
} from "../../src/wire/gid.ts";
import { hex } from "./support.ts";

const GID = hex("fe80000000000000 0002c90300000001");
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

Deno.test("formatGid() compresses, formatGidLong() does not", () => {
  assertEquals(formatGid(GID), "fe80::2:c903:0:1");
  assertEquals(formatGidLong(GID), "fe80:0:0:0:2:c903:0:1");
  const group = hex("ff12401bffff000000000000ffffffff");
  assertEquals(formatGid(group), "ff12:401b:ffff::ffff:ffff");
  assertEquals(formatGidLong(group), "ff12:401b:ffff:0:0:0:ffff:ffff");
});

Deno.test("formatGid() reads at an offset", () => {
  const buffer = new Uint8Array(24);
  buffer.set(GID, 5);
  assertEquals(formatGid(buffer, 5), "fe80::2:c903:0:1");
  assertEquals(gidKey(buffer, 5), gidKey(GID));
  assert(gidEquals(buffer, GID, 5));
  assert(!gidEquals(buffer, GID, 4));
});

Deno.test("parseGid() reads back what both formats write", () => {
  fc.assert(fc.property(bytes16, (gid) => {
    assertEquals(parseGid(formatGid(gid)), gid);
    assertEquals(parseGid(formatGidLong(gid)), gid);
  }));
});

Deno.test("gidFrom() puts the prefix before the GUID; gidPrefix() and gidGuid() return them", () => {
  assertEquals(gidFrom(DEFAULT_SUBNET_PREFIX, 0x0002c90300000001n), GID);
  assertEquals(gidPrefix(GID), DEFAULT_SUBNET_PREFIX);
  assertEquals(gidGuid(GID), 0x0002c90300000001n);
});

Deno.test("gidKey() is equal for equal GIDs only and sorts by prefix", () => {
  fc.assert(fc.property(bytes16, bytes16, (a, b) => {
    assertEquals(gidKey(a) === gidKey(b), gidEquals(a, b));
    const [x, y] = [gidPrefix(a), gidPrefix(b)];
    if (x !== y) assertEquals(gidKey(a) < gidKey(b), x < y);
  }));
  assert(gidEquals(GID, GID.slice()));
});
