import { assertEquals } from "@std/assert";
import {
  outcomeOf,
  OutcomeReader,
  slowest,
} from "../../../scripts/test/outcome.ts";

const OUTPUT = [
  "running 3 tests from ./tests/a_test.ts",
  "first needs root ... \x1b[33mignored\x1b[0m \x1b[90m(0ms)\x1b[0m",
  "second ...",
  "  step one ... ok (0ms)",
  "  step two needs tshark ... ignored (0ms)",
  "second ... ok (870µs)",
  "third ...",
  "------- output -------",
  "measured: 3",
  "----- output end -----",
  "third ... FAILED (1m2s)",
  "fourth ... FAILED (due to 1 failed step) (1s)",
].join("\n");
const SUMMARY =
  "\x1b[31mFAILED\x1b[0m | 2 passed (1 step) | 1 failed | 1 ignored (1 step) (7ms)";

Deno.test("outcomeOf() parses the summary, the durations and the ignored tests", () => {
  const errors = [" ERRORS ", "", "third => a_test.ts:7", "error: no", ""];
  const output = [OUTPUT, "", ...errors, " FAILURES ", "third", "", SUMMARY];
  assertEquals(outcomeOf(output.join("\n"), false), {
    passed: 2,
    failed: 1,
    ignored: ["first needs root", "second > step two needs tshark"],
    finished: [
      { name: "second", ms: 0.87 },
      { name: "third", ms: 62_000 },
      { name: "fourth", ms: 1000 },
    ],
    left: [],
    errors: ["third => a_test.ts:7", "error: no"],
  });
});

Deno.test("outcomeOf() parses a summary without ignored tests and steps", () => {
  const { passed, failed } = outcomeOf(
    "\nok | 12 passed | 0 failed (35ms)\n\n",
    true,
  );
  assertEquals([passed, failed], [12, 0]);
});

Deno.test("outcomeOf() counts the tests of an incomplete run", () => {
  const { passed, failed } = outcomeOf(`${OUTPUT}\nfifth ...`, false);
  assertEquals([passed, failed], [1, 2]);
  assertEquals(outcomeOf("first ... ok (1ms)\nsecond ...", false).failed, 1);
});

Deno.test("outcomeOf() counts a run without tests as one failure", () => {
  const output = "error: Module not found";
  assertEquals(outcomeOf(output, false).failed, 1);
});

Deno.test("outcomeOf() counts left processes and files as failures", () => {
  const output =
    "ok | 2 passed | 0 failed (35ms)\n\nleft behind: process ipoib up ib0\n";
  const { failed, left } = outcomeOf(output, true);
  assertEquals([failed, left], [1, ["process ipoib up ib0"]]);
});

Deno.test("OutcomeReader returns the running test for output in pieces of any size", () => {
  const reader = new OutcomeReader();
  const seen: [number, string | undefined][] = [];
  for (const character of OUTPUT.slice(0, OUTPUT.indexOf("fourth") + 10)) {
    reader.take(character);
    const now: [number, string | undefined] = [reader.progress, reader.running];
    if (now.join() !== seen.at(-1)?.join()) seen.push(now);
  }
  assertEquals(seen, [
    [0, undefined],
    [0, "first needs root"],
    [1, undefined],
    [1, "second"],
    [1, "second > step one"],
    [1, "second"],
    [1, "second > step two needs tshark"],
    [2, "second"],
    [3, undefined],
    [3, "third"],
    [4, undefined],
    [4, "fourth"],
  ]);
});

Deno.test("slowest() returns the slowest tests in descending order", () => {
  const tests = [3, 1, 7, 5].map((ms) => ({ name: `${ms}`, ms }));
  assertEquals(slowest(tests, 2).map(({ ms }) => ms), [7, 5]);
});
