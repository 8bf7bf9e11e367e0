import { assertEquals, assertThrows } from "@std/assert";
import { rttOf } from "../../../scripts/bench/measure.ts";
import { rowsOf, table } from "../../../scripts/bench/report.ts";
import { median, medianRatio } from "../../../scripts/bench/statistics.ts";

Deno.test("median() takes the middle", () => {
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([4, 1, 2, 10]), 3);
  assertEquals(median([]), NaN);
});

Deno.test("medianRatio() compares repeat by repeat", () => {
  assertEquals(medianRatio([5, 20, 9], [10, 20, 10]), 0.9);
});

Deno.test("rttOf() reads the average of ping(8)", () => {
  assertEquals(
    rttOf("rtt min/avg/max/mdev = 0.014/0.038/0.353/0.024 ms\n"),
    38,
  );
  assertThrows(() => rttOf("100% packet loss"), Error, "no round trip");
});

Deno.test("table() shows medians and the ratio, or a dash where there is none", () => {
  const rows = rowsOf([
    {
      name: "TCP",
      unit: "Gbit/s",
      better: "more",
      ours: [9, 10, 11],
      yardstick: [10, 10, 10],
    },
    {
      name: "Loss",
      unit: "%",
      better: "less",
      nearZero: true,
      ours: [0],
      yardstick: [0],
    },
  ]);
  assertEquals(table(rows).split("\n"), [
    "              C splice  ipoib  ratio  better",
    "TCP [Gbit/s]      10.0   10.0  1.00x  more",
    "Loss [%]          0.00   0.00      -  less",
  ]);
});
