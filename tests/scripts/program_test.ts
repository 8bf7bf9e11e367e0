import { assertEquals } from "@std/assert";
import { PERMISSIONS, programCommand } from "../../scripts/program.ts";

Deno.test("PERMISSIONS are those of the task ipoib", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const words: string[] = config.tasks.ipoib.split(" ");
  assertEquals(words.filter((word) => word.startsWith("--allow")), [
    ...PERMISSIONS,
  ]);
});

Deno.test("programCommand() starts the executable that it is given", () => {
  assertEquals(programCommand("dist/ipoib"), ["dist/ipoib"]);
});

Deno.test("programCommand() starts main.ts with the running Deno", () => {
  const [program, run, ...rest] = programCommand("");
  assertEquals([program, run], [Deno.execPath(), "run"]);
  assertEquals(rest.at(-1)?.endsWith("/main.ts"), true);
});
