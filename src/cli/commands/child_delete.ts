/** `ipoib child delete PKEY [--parent IF]`. Equivalent to: `echo PKEY > /sys/class/net/IF/delete_child`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { childPkey, PARENT } from "../options.ts";

export function childDelete(cli: Cli) {
  return new Command("delete").alias("del")
    .description("delete a child interface")
    .argument("<PKEY>", "P_Key given to child create", childPkey)
    .option(...PARENT)
    .action(async (pkey, { parent }, self) => {
      using target = await cli.open(self, parent);
      const { client, name } = target;
      await client.call("child.delete", { parent: name, pkey });
    });
}
