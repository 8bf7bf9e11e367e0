/** Parser of the arguments after the address of `neigh add` and `neigh del`. */

import { usageError } from "./errors.ts";

/** Parses `lladdr LLADDR` and `dev IF` in any order. Returns the values by keyword. Throws `E_USAGE`. */
export function parseNeigh(
  given: readonly string[],
  allowed: readonly string[],
): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i]!;
    const value = given[i + 1];
    if (!allowed.includes(name)) {
      throw usageError(
        `Unknown argument "${name}"`,
        `expected ${allowed.join(", ")}`,
      );
    }
    if (value === undefined) {
      throw usageError(`Argument "${name}" requires a value`);
    }
    found.set(name, value);
  }
  return found;
}
