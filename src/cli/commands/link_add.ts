/**
 * `ipoib link add link IF name NAME type ipoib [pkey P_KEY] [mode M] [umcast 0|1]`.
 *
 * Equivalent to: the same words of `ip`.
 */

import { Command } from "@commander-js/extra-typings";
import { isInterfaceName, type Params } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns } from "../options.ts";
import { readMode, readPkey, readUmcast } from "../link_values.ts";

const KIND = "ipoib";

/** Reads the words after `link add`; throws `E_USAGE`. */
function parseLinkAdd(words: readonly string[]): Params<"link.add"> {
  const rest = [...words];
  const given: Partial<Params<"link.add">> & { type?: string } = {};
  while (rest.length > 0) {
    const word = rest.shift()!;
    const value = () => {
      const next = rest.shift();
      if (next === undefined) throw usageError(`Word ${word} needs a value`);
      return next;
    };
    if (word === "link") given.link = readName(value());
    else if (word === "name" || word === "dev") given.name = readName(value());
    else if (word === "type") given.type = value();
    else if (given.type === undefined && given.name === undefined) {
      given.name = readName(word);
    } else if (given.type !== undefined && word === "pkey") {
      given.pkey = readPkey(value());
    } else if (given.type !== undefined && word === "mode") {
      given.mode = readMode(value());
    } else if (given.type !== undefined && word === "umcast") {
      given.umcast = readUmcast(value());
    } else {
      throw usageError(
        `Unknown word "${word}"`,
        "link, name, type ipoib, and after that pkey, mode, umcast",
      );
    }
  }
  const { link, name, type, ...values } = given;
  if (type !== KIND) {
    throw usageError(
      type === undefined ? "Word type is missing" : `Unknown type "${type}"`,
      "type ipoib",
    );
  }
  if (link === undefined) {
    throw usageError("Word link is missing", "it names the parent");
  }
  if (name === undefined) {
    throw usageError("Word name is missing", "it names the new interface");
  }
  return { link, name, ...values };
}

function readName(text: string): string {
  if (isInterfaceName(text)) return text;
  throw usageError(
    `Interface name "${text}" is not valid`,
    "1 to 15 characters without slash, colon or blank",
  );
}

export function linkAdd(cli: Cli) {
  return addNetns(
    new Command("add").description("make a child of any name")
      .usage(
        "[options] link IF name NAME type ipoib [pkey P_KEY] [mode M] [umcast 0|1]",
      )
      .argument("<WORD...>", "as of ip link add")
      .action(async (words, _options, self) => {
        const params = parseLinkAdd(words);
        using target = await cli.open(self, params.link);
        await target.client.call("link.add", params);
      }),
  );
}
