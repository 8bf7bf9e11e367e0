/** The program as a user meets it first: help, mistakes, and no interface at all. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runProgram } from "./run_program.ts";

Deno.test("ipoib --help names the commands", async () => {
  const { code, stdout } = await runProgram(["--help"]);
  assertEquals(code, 0);
  for (
    const command of ["up", "down", "link", "neigh", "path", "mcg", "subnet"]
  ) {
    assertMatch(stdout, new RegExp(`^\\s+${command}\\b`, "m"));
  }
});

Deno.test("ipoib of an unknown command exits 1 and points to the usage", async () => {
  const { code, stderr } = await runProgram(["fly"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "fly");
});

Deno.test("ipoib down of an interface that does not run exits 3", async () => {
  const runtime = await Deno.makeTempDir();
  const { code, stderr } = await runProgram(["down", "ib0"], {
    IPOIB_RUNTIME_DIR: runtime,
  });
  await Deno.remove(runtime, { recursive: true });
  assertEquals([code, stderr.includes("not running")], [3, true]);
});
