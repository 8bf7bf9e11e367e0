/**
 * The words after `neigh show` and `neigh flush`: `[[dev] IF] [[to] PREFIX] [nud STATE]`, in any order. A word without
 * keyword that is an IP address or a prefix is not an interface.
 */

import { isIpAddress, type NeighRecord } from "../ipc/schema.ts";
import { words } from "./completion/candidates.ts";
import { keywords } from "./completion/grammar.ts";
import { INTERFACES, NEIGHBOURS } from "./completion/live.ts";
import { usageError } from "./errors.ts";
import { parsePrefix } from "./ip_prefix.ts";

/** States of entries, as `nud` names them. */
const STATES = [
  ...["incomplete", "reachable", "stale", "delay", "probe", "failed"],
  "permanent",
];

/** Description of the argument, and the syntax. */
export const NEIGHBOUR_WORDS = "interface; to PREFIX; nud STATE";
export const NEIGHBOUR_USAGE = "[[dev] IF] [[to] PREFIX] [nud STATE]";

/** The words, for completion. */
export const neighbourOperands = keywords({
  free: INTERFACES,
  values: { dev: INTERFACES, to: NEIGHBOURS, nud: words("all", ...STATES) },
});

/** The neighbours that words select. */
export interface NeighbourSelection {
  /** Interface; undefined for the default. */
  readonly name: string | undefined;
  /** All neighbours, the one with this address, or those that match. */
  readonly which: "all" | "matching" | { readonly address: string };
  matches(record: NeighRecord): boolean;
}

/** Parses the words. Throws `E_USAGE`. */
export function parseNeighbourWords(
  given: readonly string[],
): NeighbourSelection {
  let name: string | undefined;
  let to: string | undefined;
  const states = new Set<string>();
  const rest = [...given];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const keyword = ["dev", "to", "nud"].includes(word) ? word : undefined;
    const value = keyword === undefined ? word : rest.shift();
    if (value === undefined) {
      throw usageError(`Argument "${word}" requires a value`);
    }
    if (keyword === "nud") addStates(states, value);
    else if (keyword === "to" || (!keyword && parsePrefix(value))) {
      if (to !== undefined) throw usageError(`Unexpected argument "${value}"`);
      to = value;
    } else if (name !== undefined) {
      throw usageError(
        `Unexpected argument "${value}"`,
        `expected ${NEIGHBOUR_USAGE}`,
      );
    } else name = value;
  }
  const inPrefix = to === undefined ? () => true : parsePrefix(to);
  if (!inPrefix) {
    throw usageError(`"${to}" is not an IP address or a prefix`);
  }
  return {
    name,
    which: states.size > 0 || (to !== undefined && !isIpAddress(to))
      ? "matching"
      : to === undefined
      ? "all"
      : { address: to },
    matches: ({ dst, state }) =>
      inPrefix(dst) &&
      (states.size === 0 || state.some((each) => states.has(each))),
  };
}

function addStates(states: Set<string>, word: string): void {
  const named = word === "all"
    ? STATES
    : STATES.filter((each) => each === word);
  if (named.length === 0) {
    throw usageError(
      `State "${word}" is not valid`,
      `all, ${STATES.join(", ")}`,
    );
  }
  for (const each of named) states.add(each.toUpperCase());
}
