/** `ipoib link set [[dev] IF] [up|down] [ATTRIBUTE VALUE]...`. Equivalent to: `ip link set`. */

import { Command } from "@commander-js/extra-typings";
import { ADDR_GEN_MODES } from "../../base/addr_gen_mode.ts";
import type { Params } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import {
  readLinkSetMode,
  readMtu,
  readName,
  readNumber,
  readOneOf,
  readOnOff,
  readUmcast,
} from "../link_values.ts";

type Changes = Omit<Params<"link.set">, "name">;

/** The change that each word with a value makes. */
const READERS: Record<string, (value: string) => Changes> = {
  mtu: (value) => ({ mtu: readMtu(value) }),
  mode: readLinkSetMode,
  umcast: (value) => ({ umcast: readUmcast(value) }),
  name: (value) => ({ rename: readName(value) }),
  alias: (value) => ({ alias: value }),
  txqueuelen: (value) => ({ txqlen: readNumber("txqueuelen", value) }),
  group: (value) => ({
    group: value === "default" ? 0 : readNumber("group", value),
  }),
  netns: (value) => ({ netns: value }),
  address: (value) => ({ address: value }),
  addrgenmode: (value) => ({
    addrgenmode: readOneOf("addrgenmode", value, ADDR_GEN_MODES),
  }),
  arp: (value) => ({ arp: readOnOff("arp", value) }),
  multicast: (value) => ({ multicast: readOnOff("multicast", value) }),
  allmulticast: (value) => ({ allmulticast: readOnOff("allmulticast", value) }),
  promisc: (value) => ({ promisc: readOnOff("promisc", value) }),
  dynamic: (value) => ({ dynamic: readOnOff("dynamic", value) }),
  // As in `ip link set IF type ipoib mode datagram`.
  type: (value) => {
    readOneOf("type", value, ["ipoib"]);
    return {};
  },
};

const HELP = "interface, then changes as in `ip link set`: up, down, mtu N, " +
  "mode datagram|connected|default|dormant, umcast 0|1, name NAME, alias TEXT, txqueuelen N, group N, netns NS, " +
  "address LLADDR, addrgenmode M, {arp|multicast|allmulticast|promisc|dynamic} on|off";

const WORDS = ["up", "down", ...Object.keys(READERS)];

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
  while (rest.length > 0) Object.assign(changes, readWord(rest));
  return name === undefined ? { changes } : { name, changes };
}

/** Removes one change from `rest` and returns it. */
function readWord(rest: string[]): Changes {
  const word = rest.shift()!;
  if (word === "up" || word === "down") return { up: word === "up" };
  const read = Object.hasOwn(READERS, word) ? READERS[word] : undefined;
  if (!read) {
    throw usageError(
      `Unknown argument "${word}"`,
      `expected ${WORDS.join(", ")}`,
    );
  }
  const value = rest.shift();
  if (value === undefined) {
    throw usageError(`Argument "${word}" requires a value`);
  }
  return read(value);
}

export function linkSet(cli: Cli) {
  return new Command("set").description("change interface attributes")
    .usage("[options] [dev] [IF] [up|down] [ATTRIBUTE VALUE]...")
    .argument("<WORD...>", HELP)
    .action(async (words, _options, self) => {
      const { name, changes } = parseLinkSet(words);
      using target = await cli.open(self, name);
      await target.client.call("link.set", { name: target.name, ...changes });
    });
}
