/**
 * Parser of the arguments `[[dev] IF] [NAME [VALUE]]` of `param` and `get`.
 *
 * The names are known, so the first word is an interface unless it is one of them. An interface that has such a name
 * follows the word `dev`.
 */

import { usageError } from "./errors.ts";

export interface SettingWords {
  /** Interface; undefined for the default. */
  name?: string | undefined;
  /** Parameter or file. */
  setting?: string | undefined;
  value?: string | undefined;
  /** True if `dev` preceded the interface. */
  dev: boolean;
}

/** Parses the words. Throws `E_USAGE`. */
export function parseSetting(
  words: readonly string[],
  known: readonly string[],
): SettingWords {
  const isKnown = (word: string | undefined) =>
    word !== undefined && known.includes(word);
  const [first, second] = words;
  const dev = first === "dev" && words.length > 1;
  const skipped = dev ? 1 : 0;
  const named = dev || !isKnown(first) || isKnown(second);
  const [name, setting, value, excess] = named
    ? words.slice(skipped)
    : [undefined, ...words];
  if (excess !== undefined) {
    throw usageError(`Unexpected argument "${excess}"`);
  }
  return { name, setting, value, dev };
}
