/**
 * `ipoib neigh flush [[dev] IF] [[to] PREFIX] [nud STATE]`. Equivalent to: `ip neigh flush` with the same arguments,
 * which requires one.
 */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands } from "../completion/grammar.ts";
import {
  NEIGHBOUR_USAGE,
  NEIGHBOUR_WORDS,
  neighbourOperands,
  parseNeighbourWords,
} from "../neighbour_words.ts";
import { INTERFACE } from "../options.ts";

export function neighFlush(cli: Cli) {
  const command = new Command("flush")
    .description("flush neighbours; traffic resolves them again")
    .usage(`[options] ${NEIGHBOUR_USAGE}`)
    .argument("[WORD...]", `${NEIGHBOUR_WORDS}; ${INTERFACE}`)
    .option("--to <prefix>", "flush only neighbours with these IP addresses")
    .action(async (words, { to }, self) => {
      const { name: dev, which, matches } = parseNeighbourWords(
        to === undefined ? words : [...words, "to", to],
      );
      using target = await cli.open(self, dev);
      const { client, name } = target;
      const addresses = which === "all"
        ? [undefined]
        : which === "matching"
        ? (await client.call("neigh.show", { name })).filter(matches)
          .map(({ dst }) => dst)
        : [which.address];
      for (const dst of addresses) {
        await client.call("neigh.flush", {
          name,
          ...(dst === undefined ? {} : { dst }),
        });
      }
    });
  return completeOperands(command, neighbourOperands);
}
