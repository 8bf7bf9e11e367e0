/**
 * `ipoib check-config [FILE...]`: checks configuration files, by default all of the directory of configuration files.
 * Prints the problems and nothing else. The exit code is 1 if there is one.
 */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import {
  configPaths,
  interfaceOf,
  problemText,
  readConfigFile,
} from "../config/config_file.ts";
import { configKeys, keysText } from "../config/keys.ts";
import { Exit, usageError } from "../errors.ts";
import { refuseJson } from "../options.ts";
import { up } from "./up.ts";

export function checkConfig(cli: Cli) {
  return new Command("check-config")
    .description("check configuration files")
    .argument(
      "[FILE...]",
      "files named IF.conf (default: all in /etc/ipoib)",
    )
    .addHelpText("after", () => keysText(configKeys(up(cli).options)))
    .action((files, _options, self) => {
      refuseJson(self);
      const { environment } = cli;
      const paths = files.length > 0
        ? files
        : configPaths(environment.configDirectory);
      if (paths.length === 0) {
        throw usageError(
          `There are no configuration files in ${environment.configDirectory}`,
          "name a file",
        );
      }
      const { options } = up(cli);
      for (const path of paths) {
        const { problems } = readConfigFile(path, interfaceOf(path), options);
        if (problems.length > 0) cli.exitCode = Exit.Usage;
        for (const problem of problems) {
          environment.err(`${problemText(path, problem)}\n`);
        }
      }
    });
}
