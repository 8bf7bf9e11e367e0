/** The words of `deno task bench`. */

import { parseArgs } from "@std/cli/parse-args";
import type { Measurement } from "./measurement.ts";

export interface Options {
  readonly repeats: number;
  /** Whole seconds, as iperf3 counts them. */
  readonly seconds: number;
  readonly measurements: readonly Measurement[];
  /** The file to write. */
  readonly json?: string;
}

/** The sentence for words that are not understood. */
export function usage(all: readonly Measurement[]): string {
  const names = all.map(({ name }) => name).join("|");
  return "Usage: deno task bench [--repeats N] [--seconds S] [--json FILE] " +
    `[--only ${names}]...`;
}

/** What the words ask for, or undefined if they are not understood; `--only` may be given several times. */
export function optionsOf(
  args: readonly string[],
  all: readonly Measurement[],
): Options | undefined {
  let known = true;
  const parsed = parseArgs(args, {
    string: ["repeats", "seconds", "json", "only"],
    collect: ["only"],
    default: { repeats: "5", seconds: "5" },
    unknown: () => known = false,
  });
  const repeats = Number(parsed.repeats);
  const seconds = Number(parsed.seconds);
  const only = parsed.only as string[];
  const measurements = all.filter(({ name }) =>
    only.length === 0 || only.includes(name)
  );
  const whole = [repeats, seconds].every((each) =>
    Number.isInteger(each) && each >= 1
  );
  const named = only.every((name) => all.some((each) => each.name === name));
  if (!known || !whole || !named) return undefined;
  return {
    repeats,
    seconds,
    measurements,
    ...(parsed.json === undefined ? {} : { json: String(parsed.json) }),
  };
}
