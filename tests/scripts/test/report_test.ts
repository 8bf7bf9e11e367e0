import { assertEquals } from "@std/assert";
import type { Outcome } from "../../../scripts/test/outcome.ts";
import { Report } from "../../../scripts/test/report.ts";

function outcome(fields: Partial<Outcome>): Outcome {
  return {
    ...{
      passed: 0,
      failed: 0,
      ignored: [],
      finished: [],
      left: [],
      errors: [],
    },
    ...fields,
  };
}

Deno.test("Report prints the suites, the slowest tests, the failures and the totals", () => {
  const report = new Report(false);
  const finished = Array.from({ length: 12 }, (_, i) => ({
    name: `test ${i}`,
    ms: 1000 * i,
  }));
  report.add("base", outcome({ passed: 12, finished }), 66_000);
  report.add(
    "e2e",
    outcome({ passed: 1, failed: 2, left: ["x"], errors: ["b => b_test.ts"] }),
    500,
  );
  const lines = report.lines();
  assertEquals(lines.slice(1, 6), [
    "base         66.0 s  12 passed, 0 failed",
    "e2e           0.5 s  1 passed, 2 failed, 1 left behind",
    "",
    "The slowest tests:",
    "    11.0 s  base: test 11",
  ]);
  assertEquals(lines.slice(-5), [
    "Failures of e2e:",
    "  left behind: x",
    "  b => b_test.ts",
    "",
    "13 passed, 2 failed",
  ]);
  assertEquals(lines.filter((line) => line.includes(": test")).length, 10);
});

Deno.test("Report counts a skip that is not allowed as a failure in continuous integration", () => {
  const skipped = [false, true].map((ci) => {
    const report = new Report(ci);
    report.skip("kernel", "needs root");
    report.add(
      "e2e",
      outcome({ ignored: ["a (skipped: full form only, IPOIB_FULL=1)"] }),
      1,
    );
    return report.lines();
  });
  assertEquals(skipped.map((lines) => lines.at(-1)), [
    "0 passed, 0 failed",
    "0 passed, 1 failed",
  ]);
  assertEquals(skipped[0]!.filter((line) => line.startsWith("Failures")), []);
  assertEquals(skipped[1]!.slice(-5, -1), [
    "",
    "Failures of skips that are not allowed here:",
    "  suite kernel: needs root",
    "",
  ]);
});
