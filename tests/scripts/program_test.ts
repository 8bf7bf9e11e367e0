import { assertEquals } from "@std/assert";
import { PERMISSIONS, programCommand } from "../../scripts/program.ts";

Deno.test("PERMISSIONS equals the permissions of deno task ipoib", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const words: string[] = config.tasks.ipoib.split(" ");
  assertEquals(words.filter((word) => word.startsWith("--allow")), [
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
