import { assertEquals, assertMatch } from "@std/assert";
import type { Sweep, SweepResult } from "../../../scripts/bench/sweep.ts";
import { sweepChart, sweepTable } from "../../../scripts/bench/sweep_report.ts";

const speed = { name: "Speed", unit: "Gbit/s", better: "more" } as const;
const lost = { name: "Lost", unit: "%", better: "less" } as const;
const sweep: Sweep = {
  name: "mtu",
  title: "TCP",
  parameter: "MTU",
  settings: [1500, 2044],
  quantities: [{ ...speed, drawn: true }, { ...lost, drawn: false }],
  start: () => Promise.resolve(),
  measure: () => Promise.resolve([]),
};

/** Three repeats of two subjects; those of the second have failed at the first setting. */
const result: SweepResult = [
  [
    { ...speed, values: { poll: [3, 1, 2], uring: [NaN, NaN, NaN] } },
    { ...speed, values: { poll: [4, 4, 5], uring: [6, NaN, 8] } },
  ],
  [
    { ...lost, values: { poll: [0, 0, 0], uring: [NaN, NaN, NaN] } },
    { ...lost, values: { poll: [0, 0, 0], uring: [1, NaN, 1] } },
  ],
];

Deno.test("sweepTable() has a row per setting, with the medians of each quantity of each subject", () => {
  assertEquals(sweepTable(sweep, result).split("\n").map(cellsOf), [
    [
      "MTU",
      "Speed [Gbit/s], poll",
      "Speed [Gbit/s], uring",
      "Lost [%], poll",
      "Lost [%], uring",
    ],
    ["-:", "-:", "-:", "-:", "-:"],
    ["1500", "2.00", "failed", "0.00", "failed"],
    ["2044", "4.00", "7.00", "0.00", "1.00"],
  ]);
});

function cellsOf(line: string): string[] {
  return line.split("|").slice(1, -1).map((cell) =>
    cell.trim().replace(/^-+:$/, "-:")
  );
}

Deno.test("sweepChart() draws a panel per drawn quantity, with a point and a range for each result", async () => {
  const svg = await sweepChart(sweep, result, "medians of 3 repeats");
  assertMatch(svg, /^<svg [^]*<\/svg>$/);
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)</g)].map(([, text]) =>
    text!
  );
  for (const text of ["medians of 3 repeats", "Speed [Gbit/s]", "MTU"]) {
    assertEquals(texts.filter((each) => each === text).length, 1, text);
  }
  assertEquals(texts.filter((each) => each.startsWith("Lost")), []);
  for (const text of ["1500", "2044", "poll", "uring"]) {
    assertEquals(texts.includes(text), true, text);
  }
  // poll has two points, uring one.
  const points = svg.match(/aria-roledescription="point"/g) ?? [];
  const ranges = svg.match(/aria-roledescription="rule mark"/g) ?? [];
  assertEquals([points.length, ranges.length], [3, 3]);
  assertEquals(/NaN|undefined|Infinity/.test(svg), false);
});
