/** `ipoib neigh flush [IF] [--to ADDR]`. Equivalent to: `ip neigh flush dev IF [to ADDR]`. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, netnsOf } from "../cli.ts";
import { addNetns } from "../options.ts";
import { openInterface } from "../session.ts";

export function neighFlush(cli: Cli) {
  const command = new Command("flush")
    .description("forget neighbours; they are resolved again when needed")
    .argument("[IF]", "interface; default: the only one that runs here")
    .option("--to <addr>", "only this IP address")
    .action(async (name, { to }, self) => {
      const target = await openInterface(cli.environment, netnsOf(self), name);
      using client = target.client;
      await client.call("neigh.flush", {
        name: target.name,
        ...(to === undefined ? {} : { dst: to }),
      });
    });
  addNetns(command);
  return command;
}
