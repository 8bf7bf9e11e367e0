import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  childName,
  formatMtuCode,
  formatPkey,
  type IbMtu,
  ibMtuBytes,
  ibMtuCode,
  ipoibMtu,
  mtuCodeBytes,
  pkeysMatch,
} from "../../src/base/units.ts";

Deno.test("IB MTU codes 1 to 5 are 256 to 4096 bytes", () => {
  assertEquals([0, 1, 2, 3, 4, 5, 6].map(ibMtuBytes), [
    undefined,
    256,
    512,
    1024,
    2048,
    4096,
    undefined,
  ] as (IbMtu | undefined)[]);
  for (const code of [1, 2, 3, 4, 5]) {
    assertEquals(ibMtuCode(ibMtuBytes(code)!) as number, code);
  }
  for (const bytes of [0, 128, 2044, 8192, -256, NaN]) {
    assertEquals(ibMtuCode(bytes), undefined);
  }
});

Deno.test("the MTU codes of Omni-Path have bytes and names", () => {
  assertEquals([0, 1, 5, 6, 7, 8].map(mtuCodeBytes), [
    undefined,
    256,
    4096,
    8192,
    10240,
    undefined,
  ]);
  assertEquals([4, 6, 7, 9].map(formatMtuCode), [
    "2048",
    "8192 (Omni-Path)",
    "10240 (Omni-Path)",
    "code 9",
  ]);
});

Deno.test("the IPoIB MTU is 4 bytes less than the IB MTU", () => {
  assertEquals(ipoibMtu(2048 as IbMtu) as number, 2044);
});

Deno.test("pkeysMatch() requires the same partition and at least one full member", () => {
  for (
    const [a, b, match] of [
      [0xffff, 0xffff, true],
      [0xffff, 0x7fff, true],
      [0x7fff, 0xffff, true],
      [0x7fff, 0x7fff, false],
      [0x8001, 0x8002, false],
      [0x8000, 0x8000, false],
      [0, 0, false],
    ] as const
  ) assertEquals(pkeysMatch(a, b), match, `${a} ${b}`);
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xffff), (a, b) => {
      assertEquals(pkeysMatch(a, b), pkeysMatch(b, a));
    }),
  );
});

Deno.test("formatPkey() writes four digits", () => {
  assertEquals([1, 0x8001, 0xffff].map(formatPkey), [
    "0x0001",
    "0x8001",
    "0xffff",
  ]);
});

Deno.test("childName() returns ten characters of the parent's name and the P_Key as written", () => {
  assertEquals(childName("ib0", 0x8001), "ib0.8001");
  assertEquals(childName("ib0", 0x1), "ib0.0001");
  assertEquals(childName("averylongname0", 0xffff), "averylongn.ffff");
});
