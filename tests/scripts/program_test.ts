import { assertEquals } from "@std/assert";
import {
  PERMISSIONS,
  programCommand,
  RUNTIME_OPTIONS,
} from "../../scripts/program.ts";

Deno.test("The options of the runtime and the permissions equal those of deno task ipoib", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const words: string[] = config.tasks.ipoib.split(" ");
  const first = words.indexOf("--quiet") + 1;
  assertEquals(words.slice(first, words.indexOf("main.ts")), [
    ...RUNTIME_OPTIONS,
    ...PERMISSIONS,
  ]);
});

Deno.test("programCommand() returns the given executable", () => {
  assertEquals(programCommand("dist/ipoib"), ["dist/ipoib"]);
});

Deno.test("programCommand() without an executable runs main.ts with the current Deno", () => {
  const [program, run, ...rest] = programCommand("");
  assertEquals([program, run], [Deno.execPath(), "run"]);
  assertEquals(rest.at(-1)?.endsWith("/main.ts"), true);
});
