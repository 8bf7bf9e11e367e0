/** The program without an interface: help, an unknown command, and exit codes. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runProgram } from "./run_program.ts";

Deno.test("ipoib --help lists the commands", async () => {
  const { code, stdout } = await runProgram(["--help"]);
  assertEquals(code, 0);
  for (
    const command of ["up", "down", "link", "neigh", "path", "mcg", "subnet"]
  ) {
    assertMatch(stdout, new RegExp(`^\\s+${command}\\b`, "m"));
  }
});

Deno.test("ipoib with an unknown command exits with 1 and prints the usage", async () => {
  const { code, stderr } = await runProgram(["fly"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "fly");
  assertMatch(stderr, /^usage: ipoib /m);
});

Deno.test("ipoib down exits with 3 if the interface is not running", async () => {
  const runtime = await Deno.makeTempDir();
  const { code, stderr } = await runProgram(["down", "ib0"], {
    IPOIB_RUNTIME_DIR: runtime,
  });
  await Deno.remove(runtime, { recursive: true });
  assertEquals([code, stderr.includes("not running")], [3, true]);
});
