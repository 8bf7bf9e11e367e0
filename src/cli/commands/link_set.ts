/** `ipoib link set [dev] IF [up|down] [mtu N] [mode M] [umcast 0|1]`. Equivalent to: `ip link set`. */

import { Command } from "@commander-js/extra-typings";
import type { Params } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns } from "../options.ts";
import { readMode, readMtu, readUmcast } from "../link_values.ts";

type Changes = Omit<Params<"link.set">, "name">;

const WORDS = ["up", "down", "mtu", "mode", "umcast"];

/** Reads the words after `link set`; throws `E_USAGE`. */
function parseLinkSet(
  words: readonly string[],
): { name?: string; changes: Changes } {
  const rest = [...words];
  let name: string | undefined;
  if (rest[0] === "dev") {
    rest.shift();
    name = rest.shift();
    if (name === undefined) throw usageError("Word dev needs an interface");
  } else if (rest[0] !== undefined && !WORDS.includes(rest[0])) {
    name = rest.shift();
  }
  if (rest.length === 0) {
    throw usageError("Nothing to set", `one of ${WORDS.join(", ")}`);
  }
  const changes: Changes = {};
  while (rest.length > 0) readWord(rest, changes);
  return name === undefined ? { changes } : { name, changes };
}

function readWord(rest: string[], changes: Changes): void {
  const word = rest.shift()!;
  if (word === "up" || word === "down") {
    changes.up = word === "up";
    return;
  }
  if (!WORDS.includes(word)) {
    throw usageError(`Unknown word "${word}"`, `one of ${WORDS.join(", ")}`);
  }
  const value = rest.shift();
  if (value === undefined) throw usageError(`Word ${word} needs a value`);
  if (word === "mtu") changes.mtu = readMtu(value);
  else if (word === "mode") changes.mode = readMode(value);
  else changes.umcast = readUmcast(value);
}

export function linkSet(cli: Cli) {
  return addNetns(
    new Command("set").description("change an interface")
      .usage("[options] [dev] [IF] [up|down] [mtu N] [mode M] [umcast 0|1]")
      .argument("<WORD...>", "interface, then what to change")
      .action(async (words, _options, self) => {
        const { name, changes } = parseLinkSet(words);
        using target = await cli.open(self, name);
        await target.client.call("link.set", { name: target.name, ...changes });
      }),
  );
}
