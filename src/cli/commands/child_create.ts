/** `ipoib child create PKEY [dev IF]`. Equivalent to: `echo PKEY > /sys/class/net/IF/create_child`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, inOrder, keywords } from "../completion/grammar.ts";
import { INTERFACES, PKEYS } from "../completion/live.ts";
import { parseKeywords } from "../keywords.ts";
import { childPkey, PARENT } from "../options.ts";

export function childCreate(cli: Cli) {
  const command = new Command("create")
    .description("create a child interface and print its name")
    .argument(
      "<PKEY>",
      "P_Key, such as 0x8001; its full-member bit is set, and 8001 is decimal",
      childPkey,
    )
    .argument("[words...]", "dev IF: parent interface")
    .usage("[options] PKEY [dev IF]")
    .option(...PARENT)
    .action(async (pkey, words, { parent }, self) => {
      const { dev = parent } = parseKeywords(words, ["dev"]);
      using target = await cli.open(self, dev);
      const { client, name } = target;
      const child = await client.call("child.create", { parent: name, pkey });
      cli.print(self, [child], () => `${child.ifname}\n`);
    });
  const dev = keywords({ values: { dev: INTERFACES } });
  return completeOperands(command, inOrder([PKEYS], dev));
}
