/** Options of `deno task torture`. */

import { parseArgs } from "@std/cli/parse-args";

export const PARTS = ["fuzz", "kill", "resources", "soak"] as const;
export type PartName = typeof PARTS[number];

export interface Options {
  readonly parts: readonly PartName[];
  /** Maximum duration of each part. */
  readonly minutes: number;
  readonly seed: number;
  readonly only: readonly string[];
}

export const USAGE =
  `Usage: deno task torture ${PARTS.join("|")}|all [--minutes N] ` +
  "[--seed N] [--only NAME]...\n" +
  "--minutes is the time of each part, at most 60; --only names targets, " +
  "kinds of rounds or scenarios";

const DEFAULT_MINUTES = "30";
const MAX_MINUTES = 60;
const MAX_SEED = 0x7fffffff;

/** Parses the arguments. Returns undefined if they are invalid. The default seed is the current time. */
export function optionsOf(args: readonly string[]): Options | undefined {
  let known = true;
  const parsed = parseArgs([...args], {
    string: ["minutes", "seed", "only"],
    collect: ["only"],
    default: {
      minutes: DEFAULT_MINUTES,
      seed: String(Date.now() & MAX_SEED),
    },
    unknown: (word: string) => !word.startsWith("-") || (known = false),
  });
  const [part, ...more] = parsed._.map(String);
  const parts = part === "all" ? PARTS : PARTS.filter((name) => name === part);
  const minutes = Number(parsed.minutes);
  const seed = Number(parsed.seed);
  const valid = minutes > 0 && minutes <= MAX_MINUTES &&
    Number.isInteger(seed) && seed >= 0 && seed <= MAX_SEED;
  if (!known || !valid || parts.length === 0 || more.length > 0) {
    return undefined;
  }
  return { parts, minutes, seed, only: parsed.only as string[] };
}
