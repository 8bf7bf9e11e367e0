/** Builder of the `show` commands of `link`, `neigh`, `path` and `mcg`, which differ only in method and renderer. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Cli, prints } from "./cli.ts";
import { INTERFACE } from "./options.ts";
import type { Style } from "./render/style.ts";
import type { Target } from "./session.ts";

/** Source and text format of the records of a `show` command. */
interface Table<T> {
  readonly description: string;
  /** Fetches the records of `target`; `named` is true if the command line names the interface. */
  fetch(target: Target, named: boolean): Promise<T[]>;
  render(records: T[], style: Style): string;
}

/** Builds the command `show [IF]` with the aliases `list` and `ls`. */
export function showCommand<T>(
  cli: Cli,
  { description, fetch, render }: Table<T>,
): CommandUnknownOpts {
  return prints(
    new Command("show").aliases(["list", "ls"]).description(description)
      .argument("[IF]", INTERFACE)
      .action(async (name, _options, command) => {
        using target = await cli.open(command, name);
        const records = await fetch(target, name !== undefined);
        cli.print(command, records, render);
      }),
  );
}
