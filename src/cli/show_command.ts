/** Builders of the commands that show records of interfaces, which differ only in name, method and renderer. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "./cli.ts";
import { usageError } from "./errors.ts";
import { INTERFACE, INTERFACES } from "./options.ts";
import type { Style } from "./render/style.ts";
import { type Shown, showRecords } from "./show_records.ts";
import type { Target } from "./session.ts";

/** Words of `ip link show` and `ip addr show` that select interfaces by what they are. */
const FILTERS = [
  ...["up", "type", "to", "scope", "label", "dynamic", "permanent"],
  ...["primary", "secondary", "master", "nomaster", "vrf", "group"],
];

/** Builds the command `show [IF]` with the aliases `list` and `ls`, for all interfaces of the namespace by default. */
export function showCommand<T extends object>(
  cli: Cli,
  shown: Shown<T> & { readonly description: string },
): CommandUnknownOpts {
  return new Command("show").aliases(["list", "ls"])
    .description(shown.description)
    .argument("[IF]", INTERFACES)
    .action(async (name, _options, command) => {
      await checkFilter(cli, command, name);
      await showRecords(cli, command, name, shown);
    });
}

/** Throws `E_USAGE` for a filter of `ip`, unless an interface has its name. */
async function checkFilter(
  cli: Cli,
  command: CommandUnknownOpts,
  name: string | undefined,
): Promise<void> {
  if (name === undefined || !FILTERS.includes(name)) return;
  const running = await cli.checkRunning(command, name)
    .then(() => true, () => false);
  if (running) return;
  throw usageError(
    `Filter "${name}" of ip is not supported`,
    "ip itself has it",
  );
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
