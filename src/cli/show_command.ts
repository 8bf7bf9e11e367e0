/** Builders of the commands that show records of interfaces, which differ only in name, method and renderer. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "./cli.ts";
import { INTERFACE } from "./options.ts";
import type { Style } from "./render/style.ts";
import type { Target } from "./session.ts";

/** Source and text format of the records of a command. */
interface Table<T> {
  readonly description: string;
  /** Fetches the records of `target`; `named` is true if the command line names the interface. */
  fetch(target: Target, named: boolean): Promise<T[]>;
  render(records: T[], style: Style): string;
}

/** Builds the command `show [IF]` with the aliases `list` and `ls`. */
export function showCommand<T>(cli: Cli, table: Table<T>): CommandUnknownOpts {
  return tableCommand(cli, "show", table).aliases(["list", "ls"]);
}

/** Builds the command `NAME [IF]`. */
export function tableCommand<T>(
  cli: Cli,
  name: string,
  { description, fetch, render }: Table<T>,
): CommandUnknownOpts {
  return new Command(name).description(description)
    .argument("[IF]", INTERFACE)
    .action(async (ifname, _options, command) => {
      using target = await cli.open(command, ifname);
      const records = await fetch(target, ifname !== undefined);
      cli.print(command, records, render);
    });
}
