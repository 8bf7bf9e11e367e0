/** A `show` command of one of the engine's tables: the four differ in method and renderer only. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Result } from "../../ipc/schema.ts";
import { type Cli, netnsOf, prints } from "../cli.ts";
import type { Style } from "../render/style.ts";
import { callInterface } from "../session.ts";

type ShowMethod = "link.show" | "neigh.show" | "path.show" | "mcg.show";

/** `show [IF]`, with `list` and `ls` as other names. */
export function showCommand<M extends ShowMethod>(
  cli: Cli,
  method: M,
  description: string,
  render: (records: Result<M>, style: Style) => string,
): CommandUnknownOpts {
  return prints(
    new Command("show").aliases(["list", "ls"]).description(description)
      .argument("[IF]", "interface; default: the only one that runs here")
      .action(async (name, _options, command) => {
        const records = await callInterface(
          cli.environment,
          netnsOf(command),
          method,
          name,
        );
        cli.print(
          command,
          records as Array<Result<M>[number]>,
          render as (records: Array<Result<M>[number]>, style: Style) => string,
        );
      }),
  );
}
