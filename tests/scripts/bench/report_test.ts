import { assertEquals } from "@std/assert";
import {
  type Column,
  figure,
  rowsOf,
  type Series,
  table,
  valueOf,
} from "../../../scripts/bench/report.ts";

const tcp: Series = {
  name: "TCP",
  unit: "Gbit/s",
  better: "more",
  values: { C: [10, 10, 10], ours: [9, 10, 11], other: [NaN, NaN, NaN] },
};
const loss: Series = {
  name: "Loss",
  unit: "%",
  better: "less",
  nearZero: true,
  values: { C: [0], ours: [0] },
};
const alone: Series = {
  name: "One stopped",
  unit: "1/s",
  better: "more",
  values: { ours: [19_874.6] },
};
const columns: Column[] = [
  { title: "C splice", subject: "C" },
  { title: "ipoib", subject: "ours" },
  { title: "to C", subject: "ours", to: "C" },
];

Deno.test("table() shows medians and ratios, and a dash for a missing value", () => {
  assertEquals(table([tcp, loss, alone], columns).split("\n"), [
    "                   C splice  ipoib   to C  better",
    "TCP [Gbit/s]           10.0   10.0  1.00x  more",
    "Loss [%]               0.00   0.00      -  less",
    "One stopped [1/s]         -  19875      -  more",
  ]);
});

Deno.test("table() shows failed measurements", () => {
  assertEquals(
    table([tcp], [
      { title: "other", subject: "other" },
      { title: "ours to it", subject: "ours", to: "other" },
    ]).split("\n"),
    [
      "               other  ours to it  better",
      "TCP [Gbit/s]  failed      failed  more",
    ],
  );
});

Deno.test("table() omits lines without values", () => {
  const lines = table([tcp, alone], [{ title: "C splice", subject: "C" }]);
  assertEquals(lines.split("\n").length, 2);
});

Deno.test("valueOf() is undefined for a subject that was not measured", () => {
  assertEquals(valueOf(alone, { title: "", subject: "C" }), undefined);
  assertEquals(
    valueOf(alone, { title: "", subject: "ours", to: "C" }),
    undefined,
  );
  assertEquals(valueOf(alone, { title: "", subject: "ours" }), 19_874.6);
});

Deno.test("rowsOf() returns all medians, and ratios named after both subjects", () => {
  assertEquals(rowsOf([tcp, loss], columns), [
    {
      name: "TCP",
      unit: "Gbit/s",
      better: "more",
      medians: { C: 10, ours: 10, other: NaN },
      ratios: { "ours / C": 1 },
    },
    {
      name: "Loss",
      unit: "%",
      better: "less",
      nearZero: true,
      medians: { C: 0, ours: 0 },
      ratios: {},
    },
  ]);
});

Deno.test("figure() prints three significant digits without an exponent", () => {
  assertEquals([0, 0.0456, 1.5, 99.9, 100.4, 19_874.6].map(figure), [
    "0.00",
    "0.0456",
    "1.50",
    "99.9",
    "100",
    "19875",
  ]);
});
