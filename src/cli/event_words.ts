/** The words after `ipoib monitor` and `ipoib events`: `[[dev] IF] [KIND...]`, in any order, as those of `ip monitor`. */

import { EVENT_KINDS, type EventKind } from "../base/events.ts";
import { keywords } from "./completion/grammar.ts";
import { INTERFACES } from "./completion/live.ts";
import { usageError } from "./errors.ts";
import type { Otherwise } from "./session.ts";

export interface EventWords {
  /** Interface; undefined for all. */
  readonly name: string | undefined;
  /** Undefined for all. */
  readonly kinds: EventKind[] | undefined;
  /** What `name` may be if it is not an interface. */
  readonly otherwise: Otherwise | undefined;
}

const ALL = "all";
const KNOWN = `kinds: ${[...EVENT_KINDS, ALL].join(", ")}`;
const EXPECTED = `expected an interface and ${KNOWN}`;

const KIND: Otherwise = {
  what: "a kind of events",
  known: KNOWN,
};

/** Description of the argument. */
export const EVENT_WORDS =
  "[dev] IF and kinds: link, neigh, path, group, fabric, all (default: all)";

/** The words, for completion. */
export const eventOperands = keywords({
  free: INTERFACES,
  flags: [...EVENT_KINDS, ALL],
  values: { dev: INTERFACES },
  expand: (word) => EVENT_KINDS.find((kind) => kind.startsWith(word)),
});

/** Parses the words. Kinds may be abbreviated; an interface that has the name of a kind follows `dev`. */
export function parseEventWords(words: readonly string[]): EventWords {
  const names: string[] = [];
  const kinds = new Set<EventKind>();
  let dev = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const matching = word === ""
      ? []
      : [...EVENT_KINDS, ALL].filter((kind) => kind.startsWith(word));
    if (word === "dev") {
      const name = words[++i];
      if (name === undefined) throw usageError("Interface is missing");
      names.push(name);
      dev = true;
    } else if (matching.length === 1) {
      for (const kind of EVENT_KINDS) {
        if (matching[0] === kind || matching[0] === ALL) kinds.add(kind);
      }
    } else names.push(word);
  }
  if (names.length > 1) {
    throw usageError(`Word "${names[1]}" is not valid`, EXPECTED);
  }
  const all = kinds.size === 0 || kinds.size === EVENT_KINDS.length;
  return {
    name: names[0],
    kinds: all ? undefined : [...kinds],
    otherwise: dev ? undefined : KIND,
  };
}
