/** Scenarios with scarce or excessive resources, and assertions for them. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { programCommand } from "../../program.ts";
import {
  type Host,
  type Lab,
  type Outcome,
  until,
} from "../../../tests/e2e/harness/mod.ts";

/** A scenario. */
export interface Scenario {
  readonly name: string;
  /** Expected behavior of the program. */
  readonly expected: string;
  /** True if it takes a few seconds and belongs to the short form. */
  readonly quick?: boolean;
  /** Returns the reason why the scenario cannot run on this machine, or undefined if it can. */
  readonly missing?: () => string | undefined;
  /** Runs the scenario. Throws an Error if the behavior differs. May return a measurement. */
  run(lab: Lab): Promise<string | void>;
}

/** Returns the command line of `ipoib up ib0` in a host's namespace. */
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

/** Asserts that standard error has one message and no stack trace, and returns the message. */
function messageOf({ stderr }: Outcome): string {
  assert(!/^\s+at /m.test(stderr), stderr);
  const messages = stderr.split("\n").filter((line) =>
    line.startsWith("ipoib: ")
  );
  assertEquals(messages.length, 1, `one message: ${stderr}`);
  return messages[0]!;
}

/** Asserts exit code 2 and a message that matches `pattern`. */
export function assertRefused(outcome: Outcome, pattern: RegExp): void {
  assertEquals(outcome.code, 2, `exit code ${outcome.code}: ${outcome.stderr}`);
  assertMatch(messageOf(outcome), pattern);
}

/** Asserts that both hosts reach each other and that their processes answer. */
export async function assertWell(a: Host, b: Host): Promise<void> {
  await until("traffic from the first", () => a.reaches(b));
  await until("traffic from the second", () => b.reaches(a));
  for (const host of [a, b]) {
    assert(!host.daemon.ended, host.daemon.output);
    assertEquals((await host.link()).state, "running");
    assert(!/^\s+at /m.test(host.daemon.output), host.daemon.output);
  }
}
