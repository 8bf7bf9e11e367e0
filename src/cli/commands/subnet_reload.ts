/** `ipoib subnet reload [NAME] [--partitions FILE]`: makes the subnet manager reload its partition configuration. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";
import { SUBNETS } from "../completion/live.ts";
import { SUBNET, subnetName } from "../options.ts";
import { renderReload } from "../render/reload_text.ts";
import { openSubnet } from "../subnet_session.ts";

export function subnetReload(cli: Cli) {
  return completeOperands(new Command("reload"), inOrder([SUBNETS]))
    .description("reload the partition configuration of a subnet")
    .argument("[NAME]", SUBNET, subnetName)
    .option(
      "--partitions <file>",
      "partition configuration (OpenSM syntax); default: the file in use",
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
    });
}

/** The manager reads the file, and its working directory may differ. */
function absolutePath(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
