/**
 * Parser of the arguments of `param`: `[IF] [NAME [VALUE]]`.
 *
 * The names of the parameters are known, so the first word is an interface unless it is one of them. An interface that
 * has the name of a parameter follows the word `dev`.
 */

import { READ_ONLY_PARAMETERS, WRITABLE_PARAMETERS } from "../ipc/schema.ts";
import { usageError } from "./errors.ts";

export const PARAMETERS: readonly string[] = [
  ...READ_ONLY_PARAMETERS,
  ...WRITABLE_PARAMETERS,
];

export interface ParamWords {
  /** Interface; undefined for the default. */
  name?: string | undefined;
  param?: string | undefined;
  value?: string | undefined;
}

/** Parses the words. Throws `E_USAGE`. */
export function parseParam(words: readonly string[]): ParamWords {
  const [first, second] = words;
  const dev = first === "dev" && words.length > 1;
  const skipped = dev ? 1 : 0;
  const named = dev || !isParameter(first) || isParameter(second);
  const [name, param, value, excess] = named
    ? words.slice(skipped)
    : [undefined, ...words];
  if (excess !== undefined) {
    throw usageError(`Unexpected argument "${excess}"`);
  }
  return { name, param, value };
}

function isParameter(word: string | undefined): boolean {
  return word !== undefined && PARAMETERS.includes(word);
}
