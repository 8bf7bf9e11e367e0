/** Parser of arguments that are keywords with values, such as `lladdr LLADDR dev IF` of `neigh add`. */

import { usageError } from "./errors.ts";

/** Parses keywords with values in any order. Returns the values by keyword. Throws `E_USAGE`. */
export function parseKeywords<K extends string>(
  given: readonly string[],
  allowed: readonly K[],
): { [Keyword in K]?: string } {
  const found: { [Keyword in K]?: string } = {};
  for (let i = 0; i < given.length; i += 2) {
    const name = allowed.find((each) => each === given[i]);
    const value = given[i + 1];
    if (name === undefined) {
      throw usageError(
        `Unknown argument "${given[i]}"`,
        `expected ${allowed.join(", ")}`,
      );
    }
    if (value === undefined) {
      throw usageError(`Argument "${name}" requires a value`);
    }
    found[name] = value;
  }
  return found;
}
