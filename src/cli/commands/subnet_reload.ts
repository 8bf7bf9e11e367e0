/** `ipoib subnet reload [NAME] [--partitions FILE]`: has the manager read the partitions again. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, prints } from "../cli.ts";
import { subnetName } from "../options.ts";
import { renderReload } from "../render/reload_text.ts";
import { openSubnet } from "../subnet_session.ts";

export function subnetReload(cli: Cli) {
  return prints(
    new Command("reload")
      .description("read the partitions of a subnet again")
      .argument("[NAME]", "subnet; default: the only one that runs", subnetName)
      .option(
        "--partitions <file>",
        "take this file (OpenSM's syntax) instead of the one before",
      )
      .action(async (name, { partitions }, self) => {
        using client = await openSubnet(cli.environment, name);
        const record = await client.call(
          "subnet.reload",
          partitions === undefined ? {} : {
            partitions: absolutePath(partitions),
          },
        );
        cli.print(
          self,
          [record],
          (records) => records.map(renderReload).join(""),
        );
      }),
  );
}

/** The process that reads the file may be in another folder. */
function absolutePath(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
