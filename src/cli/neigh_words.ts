/** The words after the address of `neigh add` and `neigh del`. */

import { usageError } from "./errors.ts";

/** Reads `lladdr LLADDR dev IF` in any order: the values by word; throws `E_USAGE`. */
export function neighWords(
  given: readonly string[],
  allowed: readonly string[],
): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i]!;
    const value = given[i + 1];
    if (!allowed.includes(name)) {
      throw usageError(`Unknown word "${name}"`, allowed.join(", "));
    }
    if (value === undefined) {
      throw usageError(`Word ${name} needs a value`);
    }
    found.set(name, value);
  }
  return found;
}
