import { assertEquals } from "@std/assert";
import {
  lossPercent,
  mean,
  median,
  medianRatio,
} from "../../../scripts/bench/statistics.ts";

Deno.test("median() returns the middle value, or the mean of the two middle values", () => {
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([4, 1, 2, 10]), 3);
  assertEquals(median([]), NaN);
});

Deno.test("median() ignores NaN", () => {
  assertEquals(median([NaN, 9, 1, NaN, 5]), 5);
  assertEquals(median([NaN]), NaN);
});

Deno.test("medianRatio() returns the median of the ratios of the repeats", () => {
  assertEquals(medianRatio([5, 20, 9], [10, 20, 10]), 0.9);
});

Deno.test("medianRatio() ignores a repeat that one side lacks", () => {
  assertEquals(medianRatio([5, 20, 9], [10, NaN]), 0.5);
});

Deno.test("lossPercent() returns the lost share, at least 0", () => {
  assertEquals(lossPercent(200, 150), 25);
  assertEquals(lossPercent(200, 201), 0);
  assertEquals(lossPercent(0, 0), NaN);
});

Deno.test("mean() returns the arithmetic mean", () => {
  assertEquals(mean([1, 2, 6]), 3);
  assertEquals(mean([]), NaN);
});
