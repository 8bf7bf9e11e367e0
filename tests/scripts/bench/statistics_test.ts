import { assertEquals } from "@std/assert";
import {
  lossPercent,
  mean,
  median,
  medianRatio,
} from "../../../scripts/bench/statistics.ts";

Deno.test("median() takes the middle", () => {
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([4, 1, 2, 10]), 3);
  assertEquals(median([]), NaN);
});

Deno.test("median() leaves out what could not be measured", () => {
  assertEquals(median([NaN, 9, 1, NaN, 5]), 5);
  assertEquals(median([NaN]), NaN);
});

Deno.test("medianRatio() compares repeat by repeat", () => {
  assertEquals(medianRatio([5, 20, 9], [10, 20, 10]), 0.9);
});

Deno.test("medianRatio() leaves out a repeat that one side has not", () => {
  assertEquals(medianRatio([5, 20, 9], [10, NaN]), 0.5);
});

Deno.test("lossPercent() is the share that did not arrive, never negative", () => {
  assertEquals(lossPercent(200, 150), 25);
  assertEquals(lossPercent(200, 201), 0);
  assertEquals(lossPercent(0, 0), NaN);
});

Deno.test("mean() is arithmetic", () => {
  assertEquals(mean([1, 2, 6]), 3);
  assertEquals(mean([]), NaN);
});
