/**
 * `ipoib neigh add|change|replace [to] ADDR lladdr LLADDR [dev IF] [nud permanent]`. Equivalent to: the command of
 * `ip neigh` with the same name, which cannot store a 20-byte link-layer address for the TAP.
 */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { NONE, type Source } from "../completion/candidates.ts";
import { completeOperands } from "../completion/grammar.ts";
import { NEIGHBOURS } from "../completion/live.ts";
import { usageError } from "../errors.ts";
import { entryOperands, parseNeighbourEntry } from "../neighbour_entry.ts";

export function neighAdd(cli: Cli) {
  return command(
    cli,
    "add",
    "add a static neighbour with its 20-byte link-layer address",
    NONE,
  );
}

export function neighChange(cli: Cli) {
  return command(
    cli,
    "change",
    "make an existing neighbour static",
    NEIGHBOURS,
  );
}

export function neighReplace(cli: Cli) {
  return command(
    cli,
    "replace",
    "add or change a static neighbour",
    NEIGHBOURS,
  );
}

function command(
  cli: Cli,
  how: "add" | "change" | "replace",
  description: string,
  addresses: Source,
) {
  const command = new Command(how)
    .description(description)
    .usage("[to] ADDR lladdr LLADDR [dev IF] [nud permanent]")
    .argument(
      "<WORD...>",
      "IP address; lladdr LLADDR; dev IF; nud permanent, which all are",
    )
    .action(async (given, _options, self) => {
      const { dst, lladdr, dev } = parseNeighbourEntry(given);
      if (lladdr === undefined) {
        throw usageError(`Argument "lladdr" is missing`);
      }
      using target = await cli.open(self, dev);
      const { client, name } = target;
      await client.call("neigh.add", {
        ...{ name, dst, lladdr },
        // A process of an older version does not have the parameter.
        ...(how === "add" ? {} : { how }),
      });
    });
  return completeOperands(command, entryOperands(addresses));
}
