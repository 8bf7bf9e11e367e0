import { assertEquals } from "@std/assert";
import { outcomeOf } from "../../../scripts/test/outcome.ts";

Deno.test("outcomeOf() reads the summary and the ignored tests", () => {
  const output = [
    "running 3 tests from ./tests/a_test.ts",
    "first needs root ... \x1b[33mignored\x1b[0m \x1b[90m(0ms)\x1b[0m",
    "second ...",
    "  step one ... ok (0ms)",
    "  step two needs tshark ... ignored (0ms)",
    "second ... ok (870µs)",
    "third ... FAILED (1ms)",
    "",
    "\x1b[31mFAILED\x1b[0m | 2 passed (1 step) | 1 failed | 1 ignored (1 step) (7ms)",
  ].join("\n");
  assertEquals(outcomeOf(output, false), {
    passed: 2,
    failed: 1,
    ignored: ["first needs root", "second > step two needs tshark"],
  });
});

Deno.test("outcomeOf() reads a summary without extras", () => {
  assertEquals(outcomeOf("\nok | 12 passed | 0 failed (35ms)\n\n", true), {
    passed: 12,
    failed: 0,
    ignored: [],
  });
});

Deno.test("outcomeOf() counts a run that ended without a summary as one failure", () => {
  const output = "error: Module not found";
  assertEquals(outcomeOf(output, false).failed, 1);
});
