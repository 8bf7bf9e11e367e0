/** `ipoib link set [[dev] IF] [up|down] [mtu N] [mode M] [umcast 0|1]`. Equivalent to: `ip link set`. */

import { Command } from "@commander-js/extra-typings";
import type { Params } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns } from "../options.ts";
import { readMode, readMtu, readUmcast } from "../link_values.ts";

type Changes = Omit<Params<"link.set">, "name">;

const WORDS = ["up", "down", "mtu", "mode", "umcast"];

/** Parses the arguments of `link set`. Throws `E_USAGE`. */
function parseLinkSet(
  words: readonly string[],
): { name?: string; changes: Changes } {
  const rest = [...words];
  let name: string | undefined;
  if (rest[0] === "dev") {
    rest.shift();
    name = rest.shift();
    if (name === undefined) throw usageError(`Argument "dev" requires a value`);
  } else if (rest[0] !== undefined && !WORDS.includes(rest[0])) {
    name = rest.shift();
  }
  if (rest.length === 0) {
    throw usageError("No change given", `expected ${WORDS.join(", ")}`);
  }
  const changes: Changes = {};
  while (rest.length > 0) readWord(rest, changes);
  return name === undefined ? { changes } : { name, changes };
}

/** Moves one change from `rest` into `changes`. */
function readWord(rest: string[], changes: Changes): void {
  const word = rest.shift()!;
  if (word === "up" || word === "down") {
    changes.up = word === "up";
    return;
  }
  if (!WORDS.includes(word)) {
    throw usageError(
      `Unknown argument "${word}"`,
      `expected ${WORDS.join(", ")}`,
    );
  }
  const value = rest.shift();
  if (value === undefined) {
    throw usageError(`Argument "${word}" requires a value`);
  }
  if (word === "mtu") changes.mtu = readMtu(value);
  else if (word === "mode") changes.mode = readMode(value);
  else changes.umcast = readUmcast(value);
}

export function linkSet(cli: Cli) {
  return addNetns(
    new Command("set").description("change interface attributes")
      .usage("[options] [dev] [IF] [up|down] [mtu N] [mode M] [umcast 0|1]")
      .argument("<WORD...>", "interface, then attributes")
      .action(async (words, _options, self) => {
        const { name, changes } = parseLinkSet(words);
        using target = await cli.open(self, name);
        await target.client.call("link.set", { name: target.name, ...changes });
      }),
  );
}
