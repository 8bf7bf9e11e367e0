import { assertEquals } from "@std/assert";
import { laneMbps, lanes, rateCode } from "../../../src/hca/verbs/rate.ts";

Deno.test("lanes() and laneMbps() read the attributes of a port", () => {
  assertEquals([1, 2, 4, 8, 16].map(lanes), [1, 4, 8, 12, 2]);
  assertEquals([1, 2, 4, 8, 16, 32, 64, 128].map(laneMbps), [
    2_500,
    5_000,
    10_000,
    10_000,
    14_000,
    25_000,
    50_000,
    100_000,
  ]);
});

Deno.test("rateCode() has the codes of PathRecord", () => {
  assertEquals(
    [2_500, 10_000, 40_000, 56_000, 100_000, 200_000, 400_000].map(rateCode),
    [2, 3, 7, 12, 16, 17, 21],
  );
});

Deno.test("an unknown width, speed or rate counts as the slowest", () => {
  assertEquals([lanes(77), laneMbps(3), rateCode(1)], [1, 2_500, 2]);
});
