/** docs/: each page begins with its purpose, and docs/use.md is complete. */

import { assertMatch, assertStringIncludes } from "@std/assert";
import { Cli } from "../../src/cli/cli.ts";
import { addCommands, bareProgram } from "../../src/cli/program.ts";
import { systemEnvironment } from "../../src/cli/system_environment.ts";

const FOLDER = new URL("../../docs/", import.meta.url);

for (const { name } of Deno.readDirSync(FOLDER)) {
  Deno.test(`docs/${name} begins with the readers that it is for`, async () => {
    const text = await Deno.readTextFile(new URL(name, FOLDER));
    assertMatch(
      text,
      /^# .+\n\nThis page is for (users|administrators|developers)\b/,
    );
  });
}

Deno.test("docs/use.md names every command", async () => {
  const text = await Deno.readTextFile(new URL("use.md", FOLDER));
  const program = await addCommands(
    bareProgram(),
    new Cli(systemEnvironment()),
  );
  for (const command of program.commands) {
    assertStringIncludes(text, `\`ipoib ${command.name()}`);
  }
});
