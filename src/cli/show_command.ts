/** Builders of the commands that show records of interfaces, which differ only in name, method and renderer. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "./cli.ts";
import { INTERFACE, INTERFACES } from "./options.ts";
import type { Style } from "./render/style.ts";
import { type Shown, showRecords } from "./show_records.ts";
import type { Target } from "./session.ts";

/** Builds the command `show [IF]` with the aliases `list` and `ls`, for all interfaces of the namespace by default. */
export function showCommand<T extends object>(
  cli: Cli,
  shown: Shown<T> & { readonly description: string },
): CommandUnknownOpts {
  return new Command("show").aliases(["list", "ls"])
    .description(shown.description)
    .argument("[IF]", INTERFACES)
    .action(async (name, _options, command) => {
      await showRecords(cli, command, name, shown);
    });
}

/** Builds the command `NAME [IF]` for one interface, whose output does not name the interface. */
export function tableCommand<T>(
  cli: Cli,
  name: string,
  { description, fetch, render }: {
    readonly description: string;
    fetch(target: Target): Promise<T[]>;
    render(records: T[], style: Style): string;
  },
): CommandUnknownOpts {
  return new Command(name).description(description)
    .argument("[IF]", INTERFACE)
    .action(async (ifname, _options, command) => {
      using target = await cli.open(command, ifname);
      cli.print(command, await fetch(target), render);
    });
}
