import { assertEquals } from "@std/assert";
import { addressAttributes } from "../../../src/hca/verbs/address_handle.ts";

Deno.test("addressAttributes() encodes a path without a GRH", () => {
  const path = { dlid: 0x1234, sl: 5, staticRate: 3 };
  const golden = new Uint8Array(32);
  golden.set([0x34, 0x12, 5, 0, 3, 0, 2], 24);
  assertEquals(addressAttributes(path, 2), golden);
  golden[27] = 6;
  assertEquals(addressAttributes({ ...path, pathBits: 6 }, 2), golden);
});

Deno.test("addressAttributes() encodes a multicast destination with its GRH", () => {
  const dgid = Uint8Array.from({ length: 16 }, (_, i) => 0xff - i);
  const bytes = addressAttributes({
    dlid: 0xc000,
    sl: 0,
    staticRate: 0,
    grh: {
      dgid,
      flowLabel: 0x12345,
      hopLimit: 7,
      trafficClass: 8,
      sgidIndex: 1,
    },
  }, 1);
  const golden = new Uint8Array(32);
  golden.set(dgid);
  golden.set([0x45, 0x23, 0x01, 0, 1, 7, 8], 16);
  golden.set([0x00, 0xc0, 0, 0, 0, 1, 1], 24);
  assertEquals(bytes, golden);
});
