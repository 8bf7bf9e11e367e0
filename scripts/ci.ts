/**
 * Continuous integration, started by `.ci/run`: the checks, the tests, then the smoke suite on the compiled executable.
 * It installs only the packages that `deno task test` installs.
 *
 * The last line is `N passed, N failed`, the sum over all steps. A step that runs no tests counts as one.
 */

import { type Cleanup, countFailures, endChild } from "./cleanup.ts";
import { withParentDeath } from "./test/isolation.ts";
import { seconds } from "./test/report.ts";

const top = new URL("../", import.meta.url);
Deno.chdir(top);
const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));

interface Step {
  readonly name: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  /** True if the step runs tests and prints their result. */
  readonly tests?: true;
  readonly env?: Readonly<Record<string, string>>;
}

const STEPS: readonly Step[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["task", "check"] },
  { name: "layers", args: ["task", "layers"] },
  { name: "unused", args: ["task", "unused"] },
  { name: "tests", args: ["task", "test"], tests: true },
  { name: "compile", args: ["task", "compile"] },
  {
    name: "smoke suite on dist/ipoib",
    args: ["task", "test", "tests/smoke"],
    tests: true,
    env: { IPOIB_BINARY: new URL("dist/ipoib", top).pathname },
  },
];

const RESULT = /^(\d+) passed, (\d+) failed$/;

/** Runs a step. Returns the numbers of passed and failed tests. */
async function run(
  { name, args, tests, env }: Step,
  cleanup: Cleanup,
): Promise<[number, number]> {
  const [program, ...words] = withParentDeath([Deno.execPath(), ...args]);
  const child = new Deno.Command(program!, {
    args: words,
    env: { ...env, NO_COLOR: "1", IPOIB_CI: "1" },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  // On SIGTERM a test run stops its child processes.
  cleanup.add(() => endChild(child, "SIGTERM"));
  let last = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    Deno.stdout.writeSync(bytes);
    last = (last + decoder.decode(bytes, { stream: true })).slice(-200);
  }
  const { success, code } = await child.status;
  if (!tests) return success ? [1, 0] : [0, 1];
  const result = RESULT.exec(last.trimEnd().split("\n").at(-1)!);
  if (!result) {
    say(`=== ${name} exited with code ${code} and printed no result\n`);
    return [0, 1];
  }
  const [passed, failed] = [Number(result[1]), Number(result[2])];
  return [passed, success || failed > 0 ? failed : 1];
}

async function runAll(cleanup: Cleanup): Promise<number> {
  const lines: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const step of STEPS) {
    say(`\n=== ${step.name}\n`);
    const start = performance.now();
    const [good, bad] = await run(step, cleanup);
    passed += good;
    failed += bad;
    const spent = seconds(performance.now() - start);
    lines.push(`  ${spent}  ${step.name}${bad > 0 ? " FAILED" : ""}\n`);
  }
  say(`\nSteps:\n${lines.join("")}\n${passed} passed, ${failed} failed\n`);
  return failed;
}

Deno.exit(await countFailures(runAll));
