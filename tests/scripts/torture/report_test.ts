import { assertEquals } from "@std/assert";
import { optionsOf, PARTS } from "../../../scripts/torture/options.ts";
import { totalLines } from "../../../scripts/torture/record.ts";
import { reportLines } from "../../../scripts/torture/report.ts";

Deno.test("optionsOf() parses the arguments of deno task torture", () => {
  assertEquals(
    optionsOf(["fuzz", "--minutes", "5", "--seed", "7", "--only", "arp"]),
    { parts: ["fuzz"], minutes: 5, seed: 7, only: ["arp"] },
  );
  assertEquals(optionsOf(["all", "--seed", "1"])?.parts, [
    ...PARTS,
  ]);
  for (
    const words of [
      [],
      ["fly"],
      ["fuzz", "kill"],
      ["fuzz", "--minutes", "61"],
      ["fuzz", "--minutes", "0"],
      ["fuzz", "--seed", "x"],
      ["fuzz", "--sed", "1"],
    ]
  ) assertEquals([words, optionsOf(words)], [words, undefined]);
});

Deno.test("reportLines() returns a table, the failures and the totals", () => {
  assertEquals(
    reportLines("kill", [
      { what: "kill a node", times: 3, failures: [], note: "back" },
      { what: "stop all", times: 2, failures: ["round 2: no traffic"] },
    ]),
    [
      "",
      "| kill        | times | failures | note |",
      "| ----------- | ----- | -------- | ---- |",
      "| kill a node | 3     | 0        | back |",
      "| stop all    | 2     | 1        |      |",
      "",
      "stop all:",
      "- round 2: no traffic",
      "",
      "1 passed, 1 failed",
    ],
  );
});

Deno.test("totalLines() adds the numbers of all runs of a part", () => {
  const run = { date: "2026-01-01T00:00", seed: 1, minutes: 1 };
  const rows = [{ what: "arp", times: 10, failures: 1 }];
  assertEquals(
    totalLines("fuzz", [
      { ...run, part: "fuzz", rows },
      { ...run, part: "soak", rows },
      { ...run, part: "fuzz", rows },
    ]),
    [
      "",
      "| fuzz, 2 runs | times | failures |",
      "| ------------ | ----- | -------- |",
      "| arp          | 20    | 2        |",
      "| all          | 20    |          |",
    ],
  );
});
