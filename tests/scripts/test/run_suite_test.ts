/** Runs small suites that pass, hang, or leave processes and files behind. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Cleanup } from "../../../scripts/cleanup.ts";
import { slowness } from "../../../scripts/machine.ts";
import { canIsolate } from "../../../scripts/test/isolation.ts";
import type { Outcome } from "../../../scripts/test/outcome.ts";
import { runSuite, Silence } from "../../../scripts/test/run_suite.ts";

const isolate = await canIsolate();
const ignore = !isolate;
const skipped = isolate ? "" : " (skipped: needs root and namespaces)";

/** Runs a small suite. Returns its outcome and its output. */
async function run(
  file: string,
  silenceMs = 60_000,
): Promise<Outcome & { output: string }> {
  const { pathname } = new URL(file, import.meta.url);
  let output = "";
  const outcome = await runSuite(
    { name: file, paths: [pathname], permissions: ["--allow-all"] },
    {
      options: [],
      isolate: true,
      slowness: slowness(),
      silenceMs,
      say: (text) => void (output += text),
      cleanup: new Cleanup(),
    },
  );
  return { ...outcome, output };
}

Deno.test("Silence.over() returns true if progress has not changed for longer than the limit", () => {
  const silence = new Silence(100);
  assertEquals(
    [[0, 0], [0, 100], [1, 101], [1, 201], [1, 202]].map(([progress, now]) =>
      silence.over(progress!, now!)
    ),
    [false, false, false, false, true],
  );
});

Deno.test({
  name: `a suite passes with its own temporary directory${skipped}`,
  ignore,
  async fn() {
    const { passed, failed, left } = await run("small_suites/passes.ts");
    assertEquals([passed, failed, left], [1, 0, []]);
  },
});

Deno.test({
  name:
    `a suite in which a test hangs is ended, and the test is named${skipped}`,
  ignore,
  async fn() {
    const { passed, failed, output, errors } = await run(
      "small_suites/hangs.ts",
      4000,
    );
    assertEquals([passed, failed], [1, 1]);
    assertStringIncludes(output, "running test: endless");
    assertStringIncludes(errors.at(-1)!, "running test: endless");
  },
});

Deno.test({
  name:
    `processes, namespaces and files that a suite leaves behind are failures${skipped}`,
  ignore,
  async fn() {
    const { passed, failed, left } = await run("small_suites/leaves.ts");
    assertEquals([passed, failed], [1, 3]);
    assertEquals(left.slice(0, 2), [
      "process sleep 1234",
      "network namespace lost",
    ]);
    assert(left[2]!.startsWith("file forgotten-"), left[2]);
  },
});
