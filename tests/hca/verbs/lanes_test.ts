import { assertEquals } from "@std/assert";
import { laneMbps, lanes } from "../../../src/hca/verbs/lanes.ts";

Deno.test("lanes() and laneMbps() convert the active width and speed of a port", () => {
  assertEquals([1, 2, 4, 8, 16].map(lanes), [1, 4, 8, 12, 2]);
  assertEquals([1, 2, 4, 8, 16, 32, 64, 128, 256].map(laneMbps), [
    2_500,
    5_000,
    10_000,
    10_000,
    14_000,
    25_000,
    50_000,
    100_000,
    200_000,
  ]);
});

Deno.test("lanes() and laneMbps() return the lowest value for an undefined width or speed", () => {
  assertEquals([lanes(77), laneMbps(3)], [1, 2_500]);
});
