/** `ipoib neigh del ADDR [dev IF]`. Equivalent to: `ip neigh del`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, inOrder, keywords } from "../completion/grammar.ts";
import { INTERFACES, NEIGHBOURS } from "../completion/live.ts";
import { parseKeywords } from "../keywords.ts";

export function neighDel(cli: Cli) {
  const command = new Command("del")
    .description("delete a neighbour")
    .usage("ADDR [dev IF]")
    .argument("<addr>", "IP address")
    .argument("[words...]", "dev IF")
    .action(async (dst, given, _options, self) => {
      const { dev } = parseKeywords(given, ["dev"]);
      using target = await cli.open(self, dev);
      const { client, name } = target;
      await client.call("neigh.del", { name, dst });
    });
  const rest = keywords({ values: { dev: INTERFACES } });
  return completeOperands(command, inOrder([NEIGHBOURS], rest));
}
