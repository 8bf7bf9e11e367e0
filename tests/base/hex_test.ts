import { assertEquals } from "@std/assert";
import { formatGuid, hex, parseGuid } from "../../src/base/hex.ts";

Deno.test("hex() pads to the requested number of digits", () => {
  assertEquals(hex(2), "0x0002");
  assertEquals(hex(0x12345), "0x12345");
  assertEquals(hex(0x48, 6), "0x000048");
  assertEquals(hex(0x7fn, 0), "0x7f");
});

Deno.test("formatGuid() writes 16 digits, and parseGuid() accepts every notation", () => {
  assertEquals(formatGuid(0x2c90300000001n), "0x0002c90300000001");
  assertEquals(parseGuid("0x0002c90300000001"), 0x2c90300000001n);
  assertEquals(parseGuid("0002C90300000001"), 0x2c90300000001n);
  assertEquals(parseGuid("0x1"), 1n);
  assertEquals(parseGuid("2:c903:0:1"), 0x2c90300000001n);
  for (const text of ["", "0x", "0x12345678901234567", "2:c903:0", "0xg"]) {
    assertEquals(parseGuid(text), undefined, text);
  }
});
