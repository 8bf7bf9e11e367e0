/** `ipoib child delete PKEY [dev IF]`. Equivalent to: `echo PKEY > /sys/class/net/IF/delete_child`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, inOrder, keywords } from "../completion/grammar.ts";
import { CHILD_PKEYS, INTERFACES } from "../completion/live.ts";
import { parseKeywords } from "../keywords.ts";
import { childPkey, PARENT } from "../options.ts";

export function childDelete(cli: Cli) {
  const command = new Command("delete").alias("del")
    .description("delete a child interface")
    .argument(
      "<PKEY>",
      "P_Key given to child create, or that of child list",
      childPkey,
    )
    .argument("[words...]", "dev IF: parent interface")
    .usage("[options] PKEY [dev IF]")
    .option(...PARENT)
    .action(async (pkey, words, { parent }, self) => {
      const { dev = parent } = parseKeywords(words, ["dev"]);
      using target = await cli.open(self, dev);
      const { client, name } = target;
      await client.call("child.delete", { parent: name, pkey });
    });
  const dev = keywords({ values: { dev: INTERFACES } });
  return completeOperands(command, inOrder([CHILD_PKEYS], dev));
}
