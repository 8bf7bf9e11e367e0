/** A `show` command of one of the engine's tables: the four differ in what they ask for and in the renderer only. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Cli, prints } from "./cli.ts";
import type { Style } from "./render/style.ts";
import type { Target } from "./session.ts";

/** What a `show` command shows. */
interface Table<T> {
  readonly description: string;
  /** Asks for the records of `target`; `named` is true if the user gave its name. */
  fetch(target: Target, named: boolean): Promise<T[]>;
  render(records: T[], style: Style): string;
}

/** `show [IF]`, with `list` and `ls` as other names. */
export function showCommand<T>(
  cli: Cli,
  { description, fetch, render }: Table<T>,
): CommandUnknownOpts {
  return prints(
    new Command("show").aliases(["list", "ls"]).description(description)
      .argument("[IF]", "interface; default: the only one that runs here")
      .action(async (name, _options, command) => {
        using target = await cli.open(command, name);
        const records = await fetch(target, name !== undefined);
        cli.print(command, records, render);
      }),
  );
}
