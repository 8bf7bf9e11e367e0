/** All man pages. */

import { Cli } from "../../src/cli/cli.ts";
import { addCommands, bareProgram } from "../../src/cli/program.ts";
import { systemEnvironment } from "../../src/cli/system_environment.ts";
import { ipoibPage } from "./ipoib_8.ts";
import { configurationPage } from "./ipoib_conf_5.ts";

/** Returns the pages by the name of their file. */
export async function manPages(date: Date): Promise<Map<string, string>> {
  const day = date.toLocaleDateString("en-US", {
    dateStyle: "long",
    timeZone: "UTC",
  });
  const program = await addCommands(
    bareProgram(),
    new Cli(systemEnvironment()),
  );
  return new Map([
    ["ipoib.8", ipoibPage(program, day)],
    ["ipoib.conf.5", configurationPage(program, day)],
  ]);
}
