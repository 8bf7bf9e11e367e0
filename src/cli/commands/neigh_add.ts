/**
 * `ipoib neigh add ADDR lladdr LLADDR [dev IF]`. Equivalent to: `ip neigh add`, which cannot store a 20-byte link-layer
 * address for the TAP.
 */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { NONE } from "../completion/candidates.ts";
import { completeOperands, inOrder, keywords } from "../completion/grammar.ts";
import { INTERFACES } from "../completion/live.ts";
import { usageError } from "../errors.ts";
import { parseKeywords } from "../keywords.ts";

export function neighAdd(cli: Cli) {
  const command = new Command("add")
    .description("add a static neighbour with its 20-byte link-layer address")
    .usage("ADDR lladdr LLADDR [dev IF]")
    .argument("<addr>", "IP address")
    .argument("<words...>", "lladdr LLADDR [dev IF]")
    .action(async (dst, given, _options, self) => {
      const { lladdr, dev } = parseKeywords(given, ["lladdr", "dev"]);
      if (lladdr === undefined) {
        throw usageError(`Argument "lladdr" is missing`);
      }
      using target = await cli.open(self, dev);
      const { client, name } = target;
      await client.call("neigh.add", { name, dst, lladdr });
    });
  const rest = keywords({ values: { lladdr: NONE, dev: INTERFACES } });
  return completeOperands(command, inOrder([NONE], rest));
}
