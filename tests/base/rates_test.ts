import { assert, assertEquals } from "@std/assert";
import {
  formatRate,
  RATE_CODES_BY_SPEED,
  rateCode,
  rateDataMbps,
  rateGbps,
  rateMbps,
  slowerRate,
} from "../../src/base/rates.ts";

Deno.test("rateMbps() defines codes 2 to 25 only", () => {
  assertEquals(rateMbps(2), 2500);
  assertEquals(rateMbps(3), 10000);
  assertEquals(rateMbps(7), 40000);
  assertEquals(rateMbps(10), 120000);
  assertEquals(rateMbps(12), 56250);
  assertEquals(rateMbps(16), 103125);
  assertEquals(rateMbps(20), 53125);
  assertEquals(rateMbps(22), 637500);
  assertEquals([23, 24, 25].map(rateMbps), [850000, 1275000, 1700000]);
  assertEquals([0, 1, 26, 63].map(rateMbps), Array(4).fill(undefined));
});

Deno.test("RATE_CODES_BY_SPEED is in ascending order of data rate, as in OpenSM", () => {
  assertEquals(RATE_CODES_BY_SPEED, [
    ...[2, 5, 3, 11, 6, 4, 15, 19, 7, 8, 20, 12, 9, 10, 16, 13, 14, 17, 18],
    ...[21, 22, 23, 24, 25],
  ]);
  assert(rateDataMbps(4)! < rateDataMbps(15)!);
  assertEquals(rateDataMbps(1), undefined);
  assertEquals([2, 5, 16, 1].map(slowerRate), [undefined, 2, 10, undefined]);
});

Deno.test("formatRate() prints the nominal rate, or an undefined code", () => {
  assertEquals([2, 16, 63].map(formatRate), [
    "2.5 Gb/sec",
    "100 Gb/sec",
    "rate code 63",
  ]);
});

Deno.test("rateCode() is the inverse of rateGbps()", () => {
  assertEquals([2, 11, 16, 22, 23, 26].map(rateGbps), [
    2.5,
    14,
    100,
    600,
    800,
    undefined,
  ]);
  for (const code of RATE_CODES_BY_SPEED) {
    assertEquals(rateCode(rateGbps(code)!), code);
  }
  assertEquals(rateCode(7), 2);
});
