/** `ipoib link set [[dev] IF] [up|down] [ATTRIBUTE VALUE]...`. Equivalent to: `ip link set`. */

import { Command } from "@commander-js/extra-typings";
import { ADDR_GEN_MODES } from "../../base/addr_gen_mode.ts";
import type { Params } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { NONE, ON_OFF, type Source, words } from "../completion/candidates.ts";
import { completeOperands, keywords } from "../completion/grammar.ts";
import { INTERFACES, NAMESPACES } from "../completion/live.ts";
import { usageError } from "../errors.ts";
import { linkAttributeOfIp } from "../iproute2.ts";
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
export const LINK_CHANGES: Record<string, (value: string) => Changes> = {
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

const WORDS = ["up", "down", ...Object.keys(LINK_CHANGES)];

/** Values of words, for completion. */
const VALUES: Readonly<Record<string, Source>> = {
  mode: words("datagram", "connected", "default", "dormant"),
  umcast: words("0", "1"),
  group: words("default"),
  netns: NAMESPACES,
  addrgenmode: words(...ADDR_GEN_MODES),
  arp: ON_OFF,
  multicast: ON_OFF,
  allmulticast: ON_OFF,
  promisc: ON_OFF,
  dynamic: ON_OFF,
  type: words("ipoib"),
};

/** Words without a value. */
const FLAGS = ["up", "down"];

const OPERANDS = keywords({
  free: INTERFACES,
  flags: FLAGS,
  values: {
    dev: INTERFACES,
    ...Object.fromEntries(
      WORDS.filter((word) => !FLAGS.includes(word))
        .map((word) => [word, VALUES[word] ?? NONE]),
    ),
  },
  expand: linkAttributeOfIp,
});

/** Parses the arguments of `link set`. As in `ip`, the interface may stand anywhere. Throws `E_USAGE`. */
function parseLinkSet(
  words: readonly string[],
): { name: string | undefined; changes: Changes } {
  const rest = [...words];
  let name: string | undefined;
  let changes: Changes | undefined;
  while (rest.length > 0) {
    const word = rest.shift()!;
    const attribute = attributeOf(word, name !== undefined);
    if (word === "dev" || name === undefined && attribute === undefined) {
      if (name !== undefined) throw usageError("More than one interface given");
      name = word === "dev" ? takeValue(rest, "dev") : word;
    } else {
      changes = { ...changes, ...readChange(attribute ?? word, rest) };
    }
  }
  if (changes) return { name, changes };
  throw usageError("No change given", `expected ${WORDS.join(", ")}`);
}

/** Returns the attribute that a word stands for. Abbreviations would hide the names of interfaces before the name. */
function attributeOf(word: string, abbreviated: boolean): string | undefined {
  if (WORDS.includes(word)) return word;
  if (word === "qlen") return "txqueuelen";
  return abbreviated ? linkAttributeOfIp(word) : undefined;
}

/** Reads a change whose first word is `attribute`, and removes its value from `rest`. */
function readChange(attribute: string, rest: string[]): Changes {
  if (attribute === "up" || attribute === "down") {
    return { up: attribute === "up" };
  }
  const read = Object.hasOwn(LINK_CHANGES, attribute)
    ? LINK_CHANGES[attribute]
    : undefined;
  if (read) return read(takeValue(rest, attribute));
  throw usageError(
    `Unknown argument "${attribute}"`,
    `expected ${WORDS.join(", ")}`,
  );
}

function takeValue(rest: string[], name: string): string {
  const value = rest.shift();
  if (value !== undefined) return value;
  throw usageError(`Argument "${name}" requires a value`);
}

export function linkSet(cli: Cli) {
  const command = new Command("set").description("change interface attributes")
    .usage("[options] [dev] [IF] [up|down] [ATTRIBUTE VALUE]...")
    .argument("<WORD...>", HELP)
    .action(async (words, _options, self) => {
      const { name, changes } = parseLinkSet(words);
      using target = await cli.open(self, name);
      await target.client.call("link.set", { name: target.name, ...changes });
    });
  return completeOperands(command, OPERANDS);
}
