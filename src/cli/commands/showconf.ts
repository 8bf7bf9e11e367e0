/** `ipoib showconf [IF]`: prints the configuration of a running interface as a configuration file. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";
import { INTERFACES } from "../completion/live.ts";
import { renderSections, runningConfig } from "../config/running.ts";
import { INTERFACE } from "../options.ts";
import { up } from "./up.ts";

export function showconf(cli: Cli) {
  return completeOperands(new Command("showconf"), inOrder([INTERFACES]))
    .description("print the running configuration as a configuration file")
    .argument("[IF]", INTERFACE)
    .action(async (name, _options, self) => {
      using target = await cli.open(self, name);
      const sections = await runningConfig(
        target.client,
        target.name,
        up(cli).options,
      );
      cli.print(self, sections, renderSections, ({ section, lines }) => ({
        section,
        lines: lines.map(([key, value]) => ({ key, value })),
      }));
    });
}
