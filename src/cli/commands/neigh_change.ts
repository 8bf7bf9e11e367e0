/**
 * `ipoib neigh add ADDR lladdr LLADDR [dev IF]` and `ipoib neigh del ADDR [dev IF]`. Equivalent to: `ip neigh`. The kernel's
 * own command cannot hold the 20 bytes of a link-layer address.
 */

import { Command } from "@commander-js/extra-typings";
import { type Cli, netnsOf } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns } from "../options.ts";
import { openInterface } from "../session.ts";

/** Reads `lladdr LLADDR dev IF` in any order. */
function words(given: readonly string[], allowed: readonly string[]) {
  const found = new Map<string, string>();
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i]!;
    const value = given[i + 1];
    if (!allowed.includes(name)) {
      throw usageError(`Unknown word "${name}"`, allowed.join(", "));
    }
    if (value === undefined) {
      throw usageError(`Word ${name} needs a value`);
    }
    found.set(name, value);
  }
  return found;
}

export function neighAdd(cli: Cli) {
  const command = new Command("add")
    .description("hold the link-layer address of a neighbour")
    .usage("ADDR lladdr LLADDR [dev IF]")
    .argument("<addr>", "IP address")
    .argument("<words...>", "lladdr LLADDR [dev IF]")
    .action(async (dst, given, _options, self) => {
      const found = words(given, ["lladdr", "dev"]);
      const lladdr = found.get("lladdr");
      if (lladdr === undefined) {
        throw usageError("Word lladdr is missing");
      }
      const name = found.get("dev");
      const target = await openInterface(cli.environment, netnsOf(self), name);
      using client = target.client;
      await client.call("neigh.add", { name: target.name, dst, lladdr });
    });
  addNetns(command);
  return command;
}

export function neighDel(cli: Cli) {
  const command = new Command("del")
    .description("remove a neighbour")
    .usage("ADDR [dev IF]")
    .argument("<addr>", "IP address")
    .argument("[words...]", "dev IF")
    .action(async (dst, given, _options, self) => {
      const name = words(given, ["dev"]).get("dev");
      const target = await openInterface(cli.environment, netnsOf(self), name);
      using client = target.client;
      await client.call("neigh.del", { name: target.name, dst });
    });
  addNetns(command);
  return command;
}
