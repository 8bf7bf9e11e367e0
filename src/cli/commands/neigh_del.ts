/** `ipoib neigh del [to] ADDR [dev IF]`. Equivalent to: `ip neigh del`, which ignores the other words too. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, inOrder, keywords } from "../completion/grammar.ts";
import { INTERFACES, NEIGHBOURS } from "../completion/live.ts";
import { parseNeighbourEntry } from "../neighbour_entry.ts";

export function neighDel(cli: Cli) {
  const command = new Command("del")
    .description("delete a neighbour")
    .usage("[to] ADDR [dev IF]")
    .argument("<WORD...>", "IP address; dev IF")
    .action(async (given, _options, self) => {
      const { dst, dev } = parseNeighbourEntry(given);
      using target = await cli.open(self, dev);
      const { client, name } = target;
      await client.call("neigh.del", { name, dst });
    });
  const rest = keywords({ values: { dev: INTERFACES } });
  return completeOperands(command, inOrder([NEIGHBOURS], rest));
}
