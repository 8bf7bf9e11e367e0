/**
 * `ipoib neigh add ADDR lladdr LLADDR [dev IF]`. Equivalent to: `ip neigh add`, whose entry cannot hold the 20 bytes of a
 * link-layer address.
 */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns } from "../options.ts";
import { neighWords } from "../neigh_words.ts";

export function neighAdd(cli: Cli) {
  return addNetns(
    new Command("add")
      .description("hold the link-layer address of a neighbour")
      .usage("ADDR lladdr LLADDR [dev IF]")
      .argument("<addr>", "IP address")
      .argument("<words...>", "lladdr LLADDR [dev IF]")
      .action(async (dst, given, _options, self) => {
        const found = neighWords(given, ["lladdr", "dev"]);
        const lladdr = found.get("lladdr");
        if (lladdr === undefined) {
          throw usageError("Word lladdr is missing");
        }
        using target = await cli.open(self, found.get("dev"));
        const { client, name } = target;
        await client.call("neigh.add", { name, dst, lladdr });
      }),
  );
}
