/** A lack, or an excess: what the program must make of it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { programCommand } from "../../program.ts";
import {
  type Host,
  type Lab,
  type Outcome,
  until,
} from "../../../tests/e2e/harness/mod.ts";

export interface Scenario {
  readonly name: string;
  /** What must come of it. */
  readonly expected: string;
  /** True if it takes a few seconds and belongs to the short form. */
  readonly quick?: boolean;
  /** Why it cannot be had here, or undefined. */
  readonly missing?: () => string | undefined;
  /** Throws if it comes out otherwise; may return what was measured. */
  run(lab: Lab): Promise<string | void>;
}

/** `ipoib up ib0` in a host's namespace, as words for a command around it. */
export function upWords(
  lab: Lab,
  host: Host,
  ...args: readonly string[]
): string[] {
  return [
    ...["env", `IPOIB_RUNTIME_DIR=${lab.runtime}`, ...programCommand()],
    ...["up", "ib0", "--netns", host.namespace, "--hca", "soft", ...args],
  ];
}

/** One sentence on standard error, without a stack. */
function sentenceOf({ stderr }: Outcome): string {
  assert(!/^\s+at /m.test(stderr), stderr);
  const said = stderr.split("\n").filter((line) => line.startsWith("ipoib: "));
  assertEquals(said.length, 1, `one sentence: ${stderr}`);
  return said[0]!;
}

/** Exit code 2 and a sentence. */
export function assertRefused(outcome: Outcome, pattern: RegExp): void {
  assertEquals(outcome.code, 2, `exit code ${outcome.code}: ${outcome.stderr}`);
  assertMatch(sentenceOf(outcome), pattern);
}

/** Both hosts reach each other, and their processes answer. */
export async function assertWell(a: Host, b: Host): Promise<void> {
  await until("traffic from the first", () => a.reaches(b));
  await until("traffic from the second", () => b.reaches(a));
  for (const host of [a, b]) {
    assert(!host.daemon.ended, host.daemon.output);
    assertEquals((await host.link()).state, "running");
    assert(!/^\s+at /m.test(host.daemon.output), host.daemon.output);
  }
}
