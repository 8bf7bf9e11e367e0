/**
 * The operands of commands, for completion. A command whose arguments are not just those of its help declares them with
 * {@linkcode completeOperands}; those of other commands follow from their names (placeholders.ts).
 */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { LineEnd } from "../translate.ts";
import { NONE, type Source, words } from "./candidates.ts";
import { INTERFACES } from "./live.ts";

/** Returns the sources of the operand that follows `given`. */
export type Operands = (
  given: readonly string[],
  end: LineEnd,
) => readonly Source[];

const declared = new WeakMap<CommandUnknownOpts, Operands>();

/** Declares the operands of a command, and returns it. */
export function completeOperands<C extends object>(
  command: C,
  operands: Operands,
): C {
  declared.set(command as unknown as CommandUnknownOpts, operands);
  return command;
}

/** Returns the declared operands of a command. */
export function operandsOf(command: CommandUnknownOpts): Operands | undefined {
  return declared.get(command);
}

/** Keywords in any order. */
export interface Keywords {
  /** Keywords with a value. */
  readonly values?: Readonly<Record<string, Source>>;
  /** Keywords without a value. */
  readonly flags?: readonly string[];
  /** A word without keyword. The keyword `dev` stands for it too. */
  readonly free?: Source;
  /** Returns the keyword that an abbreviation stands for. */
  readonly expand?: (word: string) => string | undefined;
}

/** Keywords, which may stand in any order and once. */
export function keywords(
  { values = {}, flags = [], free, expand = () => undefined }: Keywords,
): Operands {
  const all = [...flags, ...Object.keys(values)];
  return (given) => {
    const seen = new Set<string>();
    let freeWord = free;
    for (let at = 0; at < given.length; at++) {
      const word = given[at]!;
      const keyword = all.includes(word) ? word : expand(word) ?? word;
      const value = Object.hasOwn(values, keyword)
        ? values[keyword]
        : undefined;
      if (value && at + 1 === given.length) return [value];
      if (value) at++;
      if (all.includes(keyword)) seen.add(keyword);
      if (keyword === "dev" || !all.includes(keyword)) freeWord = undefined;
    }
    const left = all.filter((each) => !seen.has(each));
    return [freeWord ?? NONE, words(...left)];
  };
}

/** Operands with fixed places, then those of `rest`. */
export function inOrder(
  places: readonly Source[],
  rest: Operands = () => [],
): Operands {
  return (given, end) =>
    given.length < places.length
      ? [places[given.length]!]
      : rest(given.slice(places.length), end);
}

/**
 * The operands `[[dev] IF] [NAME [VALUE]]`.
 *
 * @param valueOf source of the values of a name
 */
export function settings(
  names: readonly string[],
  valueOf: (name: string) => Source,
): Operands {
  return (given) => {
    const [first, ...more] = given[0] === "dev" ? given.slice(1) : given;
    if (first === undefined) {
      return given.length > 0 ? [INTERFACES] : [INTERFACES, words(...names)];
    }
    const rest = given[0] === "dev" || !names.includes(first)
      ? more
      : [first, ...more];
    const [name, ...values] = rest;
    if (name === undefined) return [words(...names)];
    return values.length === 0 ? [valueOf(name)] : [];
  };
}
