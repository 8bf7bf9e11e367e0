import { assertEquals } from "@std/assert";
import { fillUserMad, sourceOf } from "../../../src/hca/verbs/umad_port.ts";

const address = {
  lid: 0x0102,
  qpn: 0x030405,
  qkey: 0x80010000,
  sl: 6,
  pkeyIndex: 7,
};

Deno.test("fillUserMad() writes the golden bytes over what was there", () => {
  const bytes = new Uint8Array(320).fill(0xee);
  fillUserMad(bytes, new Uint8Array(256).fill(0xaa), address);
  const golden = new Uint8Array(320).fill(0xaa, 64);
  golden.set([0, 3, 4, 5, 0x80, 1, 0, 0, 1, 2, 6], 20);
  golden[56] = 7;
  assertEquals(bytes, golden);
});

Deno.test("sourceOf() reads the address", () => {
  const bytes = new Uint8Array(320);
  fillUserMad(bytes, new Uint8Array(256), address);
  assertEquals(sourceOf(new DataView(bytes.buffer)), address);
});
