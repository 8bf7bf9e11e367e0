/** `ipoib top [IF]`: shows the traffic of interfaces, peers and groups, as top(1) shows processes. */

import {
  Command,
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from "@commander-js/extra-typings";
import { characterLocale, isUtf8 } from "../../base/variables.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { globalsOf, integer, INTERFACES } from "../options.ts";
import { styleOf } from "../render/style.ts";
import { TABLES } from "../top/sample.ts";
import { SORT_NAMES, type View } from "../top/view.ts";

const HELP = `
Keys: h shows all. i, p and g select the table; r, t, R, T, d and n the order.
After "top", -n is the number of tables; the namespace is --netns NS, or -n NS
before "top". With -b -j, each table is a line of JSON.`;

export function top(cli: Cli): CommandUnknownOpts {
  return new Command("top")
    .description("show the traffic of interfaces, peers and groups")
    .argument("[IF]", INTERFACES)
    .option("-b, --batch", "print tables instead of a screen")
    .option(
      "-n, --iterations <N>",
      "end after N tables",
      integer(1, 1_000_000_000),
    )
    .option("-i, --interval <SECONDS>", "time of a measurement", seconds, 1)
    .addOption(
      new Option("-t, --table <TABLE>", "the table to begin with")
        .choices(TABLES).default(TABLES[0]),
    )
    .addOption(
      new Option("--sort <COLUMN>", "the column to sort by")
        .choices(Object.keys(SORT_NAMES)).default("rx"),
    )
    .addHelpText("after", HELP)
    .action(async (name, options, self) => {
      const { allNetns = false, netns, ...globals } = globalsOf(self);
      await cli.checkRunning(self, name);
      const { environment } = cli;
      const { batch, iterations, interval, table, sort } = options;
      const view: View = {
        table,
        sort: SORT_NAMES[sort]!,
        seconds: interval,
        ascii: !isUtf8(characterLocale()),
        ...{ reverse: false, paused: false, help: false, scroll: 0 },
      };
      const run = { environment, scope: { name, netns, allNetns }, view };
      if (batch) {
        const { runBatch } = await import("../top/batch.ts");
        await runBatch({ ...run, iterations, json: globals.json ?? false });
        return;
      }
      const { TopScreen } = await import("../top/top_screen.ts");
      const terminal = await environment.openTerminal();
      if (!terminal) {
        throw usageError(
          "Standard input and output are not a terminal",
          "use -b to print tables",
        );
      }
      const { palette } = styleOf(globals, environment.color);
      await new TopScreen({ ...run, iterations, terminal, palette }).run();
    });
}

/** Parses an interval from 0.1 seconds to an hour. */
function seconds(text: string): number {
  const value = Number(text);
  if (/^[0-9.]+$/.test(text) && value >= 0.1 && value <= 3600) return value;
  throw new InvalidArgumentError("It must be a number from 0.1 to 3600.");
}
