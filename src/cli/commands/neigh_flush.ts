/** `ipoib neigh flush [[dev] IF] [to ADDR]`. Equivalent to: `ip neigh flush` with the same arguments. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, keywords } from "../completion/grammar.ts";
import { INTERFACES, NEIGHBOURS } from "../completion/live.ts";
import { parseKeywords } from "../keywords.ts";

const KEYWORDS = ["dev", "to"] as const;

export function neighFlush(cli: Cli) {
  const command = new Command("flush")
    .description("flush neighbours; traffic resolves them again")
    .usage("[options] [[dev] IF] [to ADDR]")
    .argument(
      "[WORD...]",
      "interface (default: the only one in the namespace), to ADDR",
    )
    .option("--to <addr>", "flush only this IP address")
    .action(async (words, { to }, self) => {
      const [first] = words;
      const named = first !== undefined &&
        !KEYWORDS.some((keyword) => keyword === first);
      const { dev = named ? first : undefined, to: dst = to } = parseKeywords(
        named ? words.slice(1) : words,
        KEYWORDS,
      );
      using target = await cli.open(self, dev);
      await target.client.call("neigh.flush", {
        name: target.name,
        ...(dst === undefined ? {} : { dst }),
      });
    });
  const operands = keywords({
    free: INTERFACES,
    values: { dev: INTERFACES, to: NEIGHBOURS },
  });
  return completeOperands(command, operands);
}
