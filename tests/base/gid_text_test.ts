import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { shortGid } from "../../src/base/gid_text.ts";
import { formatGid, formatGidLong } from "../../src/wire/gid.ts";

Deno.test("shortGid() converts the notation of debugfs to that of RFC 5952", () => {
  const byte = fc.oneof(fc.constant(0), fc.nat(255));
  fc.assert(
    fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), (bytes) => {
      const gid = Uint8Array.from(bytes);
      assertEquals(shortGid(formatGidLong(gid)), formatGid(gid));
      assertEquals(shortGid(formatGid(gid)), formatGid(gid));
    }),
  );
  assertEquals(shortGid("10.0.0.1"), "10.0.0.1");
});
