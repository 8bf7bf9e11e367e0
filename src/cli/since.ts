/** Times of the option `--since`: an age, a time of day, a date, or both. */

import { InvalidArgumentError } from "@commander-js/extra-typings";

/** The option. */
export const SINCE = [
  "--since <TIME>",
  "only events at or after TIME",
] as const;

/** Units of an age, in milliseconds. */
const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const AGE = /^(\d{1,9}(?:\.\d{1,3})?)(s|min|m|h|d)$/;
const TIME = /^\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const BOTH =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?$/;

/** Parses the value of the option. */
export function since(text: string): number {
  return parseSince(text, Date.now());
}

/**
 * Returns the time, in milliseconds since 1970. Times without a zone are local. A time of day is the last one before
 * `now`. Throws InvalidArgumentError.
 */
export function parseSince(text: string, now: number): number {
  const age = AGE.exec(text);
  if (age) return now - Number(age[1]) * UNITS[age[2]!]!;
  const time = timeOf(text, new Date(now));
  if (time !== undefined && !Number.isNaN(time)) return time;
  throw new InvalidArgumentError(
    "It must be an age (90s, 15m, 3h, 2d) or a time (14:30, 2026-01-31, 2026-01-31T14:30).",
  );
}

function timeOf(text: string, now: Date): number | undefined {
  if (TIME.test(text)) {
    const clock = text.replace(/^\d:/, "0$&");
    const at = Date.parse(`${dateOf(now)}T${clock}`);
    if (at <= now.getTime()) return at;
    const yesterday = new Date(now);
    yesterday.setDate(now.getDate() - 1);
    return Date.parse(`${dateOf(yesterday)}T${clock}`);
  }
  if (DATE.test(text)) return Date.parse(`${text}T00:00`);
  const both = BOTH.exec(text);
  return both ? Date.parse(`${both[1]}T${both[2]}${both[3] ?? ""}`) : undefined;
}

function dateOf(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${
    two(date.getDate())
  }`;
}
