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

/** Length of the output of a failed step that is printed again at the end, in characters. */
const KEPT = 20_000;

const RESULT = /^(\d+) passed, (\d+) failed$/;

/** Runs a step. Returns the numbers of passed and failed tests, and the text about the failures. */
async function run(
  { name, args, tests, env }: Step,
  cleanup: Cleanup,
): Promise<[passed: number, failed: number, failures: string]> {
  const [program, ...words] = withParentDeath([Deno.execPath(), ...args]);
  const child = new Deno.Command(program!, {
    args: words,
    env: { ...env, NO_COLOR: "1", IPOIB_CI: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // On SIGTERM a test run stops its child processes.
  cleanup.add(() => endChild(child, "SIGTERM"));
  const [output, errors] = await Promise.all([
    copied(child.stdout, Deno.stdout),
    copied(child.stderr, Deno.stderr),
  ]);
  const { success, code } = await child.status;
  if (!tests) return success ? [1, 0, ""] : [0, 1, errors || output];
  const result = RESULT.exec(output.trimEnd().split("\n").at(-1)!);
  if (!result) {
    const text = `${name} exited with code ${code} and printed no result\n`;
    say(`=== ${text}`);
    return [0, 1, text];
  }
  const [passed, failed] = [Number(result[1]), Number(result[2])];
  const start = output.indexOf("\nFailures of ");
  const failures = start < 0 ? output : output.slice(start);
  return [passed, success || failed > 0 ? failed : 1, failures];
}

/** Copies a stream. Returns the last {@linkcode KEPT} characters. */
async function copied(
  from: ReadableStream<Uint8Array>,
  to: { writeSync(bytes: Uint8Array): number },
): Promise<string> {
  let last = "";
  const decoder = new TextDecoder();
  for await (const bytes of from) {
    to.writeSync(bytes);
    last = (last + decoder.decode(bytes, { stream: true })).slice(-KEPT);
  }
  return last;
}

async function runAll(cleanup: Cleanup): Promise<number> {
  const lines: string[] = [];
  let passed = 0;
  let failed = 0;
  const failures: string[] = [];
  for (const [i, step] of STEPS.entries()) {
    say(`\n=== ${step.name} (${i + 1} of ${STEPS.length})\n`);
    const start = performance.now();
    const [good, bad, text] = await run(step, cleanup);
    if (bad > 0) failures.push(`\n=== ${step.name} FAILED\n${text}\n`);
    passed += good;
    failed += bad;
    const spent = seconds(performance.now() - start);
    lines.push(`  ${spent}  ${step.name}${bad > 0 ? " FAILED" : ""}\n`);
  }
  // Failures come last, so that no output of later steps hides them.
  say(failures.join(""));
  say(`\nSteps:\n${lines.join("")}\n${passed} passed, ${failed} failed\n`);
  return failed;
}

Deno.exit(await countFailures(runAll));
