/** Tests of checks: each passes on facts without faults, and fails on facts of each fault that it looks for. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Check, Finding, Status } from "../../src/doctor/finding.ts";

/** Facts with a fault, and what the check finds: its status, and a part of its text or remedy. */
type Case<F> = readonly [facts: F, status: Status, words: string];

type Cases<F> = Readonly<Record<string, readonly Case<F>[]>>;

/** Registers a test for each check. Every check must have a case that is neither ok nor skipped. */
export function testChecks<F>(
  checks: readonly Check<F>[],
  healthy: F,
  cases: Cases<F>,
): void {
  for (const { name, run } of checks) {
    Deno.test(`doctor: ${name} is ok, and fails with the sentence that helps`, () => {
      for (const finding of list(run(healthy))) {
        assertEquals(finding.status, "ok", finding.text);
      }
      const some = cases[name] ?? [];
      const failing = some.filter(([, status]) =>
        status === "warning" || status === "failure"
      );
      assertEquals(failing.length > 0, true, `${name} has a failing case`);
      for (const [input, status, words] of some) {
        const [finding] = list(run(input));
        assertEquals(finding?.status, status, `${words}: ${finding?.text}`);
        const line = `${finding!.text} -> ${finding!.remedy}`;
        assertEquals(line.includes(words), true, `${words} in ${line}`);
        checkStyle(finding!);
      }
    });
  }
  Deno.test(`doctor: ${Object.keys(cases).join(", ")} are checks`, () => {
    assertEquals(
      Object.keys(cases).sort(),
      checks.map(({ name }) => name).sort(),
    );
  });
}

function list(found: ReturnType<Check<never>["run"]>): Finding[] {
  return [found ?? []].flat();
}

/** Warnings and failures have a remedy; texts are clauses without a final period. */
function checkStyle({ status, text, remedy }: Finding): void {
  assertEquals(remedy !== undefined, /warning|failure/.test(status), text);
  for (const each of [text, remedy ?? "x"]) assertMatch(each, /[^.\s]$/);
}
