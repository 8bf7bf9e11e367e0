/**
 * `ipoib link add link IF name NAME type ipoib [pkey P_KEY] [mode M] [umcast 0|1]`.
 *
 * Equivalent to: `ip link add` with the same arguments.
 */

import { Command } from "@commander-js/extra-typings";
import {
  INTERFACE_NAME_RULE,
  isInterfaceName,
  type Params,
} from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { NONE, words } from "../completion/candidates.ts";
import { completeOperands, keywords } from "../completion/grammar.ts";
import { INTERFACES, PKEYS } from "../completion/live.ts";
import { usageError } from "../errors.ts";
import {
  checkType,
  KIND,
  readMode,
  readPkey,
  readUmcast,
} from "../link_values.ts";

/** Parses the arguments of `link add`. Throws `E_USAGE`. */
function parseLinkAdd(words: readonly string[]): Params<"link.add"> {
  const rest = [...words];
  const given: Partial<Params<"link.add">> & { type?: string } = {};
  while (rest.length > 0) {
    const word = rest.shift()!;
    const value = () => {
      const next = rest.shift();
      if (next === undefined) {
        throw usageError(`Argument "${word}" requires a value`);
      }
      return next;
    };
    if (word === "link") given.link = readName(value());
    else if (word === "name" || word === "dev") given.name = readName(value());
    else if (word === "type") {
      given.type = value();
      checkType(given.type);
    } else if (given.type === undefined && given.name === undefined) {
      given.name = readName(word);
    } else if (given.type !== undefined && word === "pkey") {
      given.pkey = readPkey(value());
    } else if (given.type !== undefined && word === "mode") {
      given.mode = readMode(value());
    } else if (given.type !== undefined && word === "umcast") {
      given.umcast = readUmcast(value());
    } else {
      throw usageError(
        `Unknown argument "${word}"`,
        "expected link, name, type ipoib, followed by pkey, mode, umcast",
      );
    }
  }
  const { link, name, type, ...values } = given;
  if (type === undefined) {
    throw usageError(`Argument "type" is missing`, `use type ${KIND}`);
  }
  if (link === undefined) {
    throw usageError(
      `Argument "link" is missing`,
      "link IF selects the parent interface",
    );
  }
  if (name === undefined) {
    throw usageError(
      `Argument "name" is missing`,
      "name NAME is the name of the new interface",
    );
  }
  return { link, name, ...values };
}

function readName(text: string): string {
  if (isInterfaceName(text)) return text;
  throw usageError(
    `Interface name "${text}" is not valid`,
    INTERFACE_NAME_RULE,
  );
}

const OPERANDS = keywords({
  values: {
    link: INTERFACES,
    name: NONE,
    type: words(KIND),
    pkey: PKEYS,
    mode: words("datagram", "connected"),
    umcast: words("0", "1"),
  },
});

export function linkAdd(cli: Cli) {
  const command = new Command("add").description("add a child interface")
    .usage(
      "[options] link IF name NAME type ipoib [pkey P_KEY] [mode M] [umcast 0|1]",
    )
    .argument("<WORD...>", "arguments as of ip link add")
    .action(async (words, _options, self) => {
      const params = parseLinkAdd(words);
      using target = await cli.open(self, params.link);
      await target.client.call("link.add", params);
    });
  return completeOperands(command, OPERANDS);
}
