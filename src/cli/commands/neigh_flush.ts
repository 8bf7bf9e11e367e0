/** `ipoib neigh flush [IF] [--to ADDR]`. Equivalent to: `ip neigh flush dev IF [to ADDR]`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { INTERFACE } from "../options.ts";

export function neighFlush(cli: Cli) {
  return new Command("flush")
    .description("flush neighbours; traffic resolves them again")
    .argument("[IF]", INTERFACE)
    .option("--to <addr>", "flush only this IP address")
    .action(async (name, { to }, self) => {
      using target = await cli.open(self, name);
      await target.client.call("neigh.flush", {
        name: target.name,
        ...(to === undefined ? {} : { dst: to }),
      });
    });
}
