/** What `ipoib top` shows, and how keys change it. */

import { type RatedRow } from "./rates.ts";
import { type Counts, type Table, TABLES } from "./sample.ts";

const COLUMNS = [
  ...["name", "rx", "tx", "rxPackets", "txPackets", "drops"] as const,
] as const;
export type Column = typeof COLUMNS[number];

/** Seconds between two samples, which the keys + and - select. */
const INTERVALS: readonly number[] = [0.5, 1, 2, 5, 10, 30, 60];

/** The columns by the names that option `--sort` takes: their headings. */
export const SORT_NAMES: Readonly<Record<string, Column>> = {
  name: "name",
  rx: "rx",
  tx: "tx",
  rxpkt: "rxPackets",
  txpkt: "txPackets",
  drop: "drops",
};

export interface View {
  readonly table: Table;
  readonly sort: Column;
  /** True for the lowest first. Names are sorted the other way. */
  readonly reverse: boolean;
  readonly paused: boolean;
  readonly help: boolean;
  /** Number of rows above the screen. */
  readonly scroll: number;
  readonly seconds: number;
  /** True if the locale of the user has no bars. */
  readonly ascii: boolean;
}

/** What a key asks for besides a change of the view. */
export type Request = "quit" | "suspend" | "sample";

const TABLE_KEYS: Readonly<Record<string, Table>> = {
  i: "interfaces",
  p: "peers",
  g: "groups",
};

const SORT_KEYS: Readonly<Record<string, Column>> = {
  n: "name",
  r: "rx",
  t: "tx",
  R: "rxPackets",
  T: "txPackets",
  d: "drops",
};

export const HELP: readonly string[] = [
  "i p g   table of interfaces, peers or groups; Tab: the next one",
  "r t     sort by received or sent bytes; R T: by packets",
  "d n     sort by drops or name; the same key again reverses",
  "< >     sort by the column on the left or right",
  "+ -     longer or shorter interval",
  "space   pause",
  "arrows  scroll; Page Up, Page Down, Home",
  "h ?     this help",
  "q       quit",
];

const PAGE = 10;

/**
 * Returns the view after a key, and what else the key asks for. An unknown key changes nothing.
 *
 * @param most number of rows above the screen if the last row is at its end
 */
export function press(view: View, key: string, most: number): [View, Request?] {
  const table = TABLE_KEYS[key];
  if (table) return [{ ...view, table, scroll: 0 }, "sample"];
  const sort = SORT_KEYS[key];
  if (sort) {
    return [{ ...view, sort, reverse: sort === view.sort && !view.reverse }];
  }
  switch (key) {
    case "q":
    case "Q":
    case "\x03":
    case "\x04":
      return [view, "quit"];
    case "\x1a":
      return [view, "suspend"];
    case "\t":
      return [
        { ...view, table: after(TABLES, view.table, 1), scroll: 0 },
        "sample",
      ];
    case "<":
    case "\x1b[D":
      return [{ ...view, sort: after(COLUMNS, view.sort, -1) }];
    case ">":
    case "\x1b[C":
      return [{ ...view, sort: after(COLUMNS, view.sort, 1) }];
    case "+":
      return [{ ...view, seconds: step(view.seconds, 1) }];
    case "-":
      return [{ ...view, seconds: step(view.seconds, -1) }];
    case " ":
      return [{ ...view, paused: !view.paused }];
    case "h":
    case "?":
      return [{ ...view, help: !view.help }];
    case "\x1b[A":
    case "k":
      return [scrolled(view, -1, most)];
    case "\x1b[B":
    case "j":
      return [scrolled(view, 1, most)];
    case "\x1b[5~":
      return [scrolled(view, -PAGE, most)];
    case "\x1b[6~":
      return [scrolled(view, PAGE, most)];
    // Terminals differ in what Home sends.
    case "\x1b[H":
    case "\x1bOH":
    case "\x1b[1~":
    case "\x1b[7~":
      return [{ ...view, scroll: 0 }];
    default:
      return [view];
  }
}

/** Splits the bytes of a terminal into keys: single characters and escape sequences. */
export function keysOf(text: string): string[] {
  // deno-lint-ignore no-control-regex -- escape sequences begin with ESC
  return text.match(/\x1b[[O][0-9;]*[A-Za-z~]|[^]/gu) ?? [];
}

/** Returns the rows in the order of the view. Ties keep the order of the names. */
export function sorted(rows: readonly RatedRow[], view: View): RatedRow[] {
  const { sort, reverse } = view;
  const byName = (a: RatedRow, b: RatedRow) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  const compare = sort === "name"
    ? byName
    : (a: RatedRow, b: RatedRow) => valueOf(b, sort) - valueOf(a, sort);
  const sign = reverse ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(a, b) || byName(a, b));
}

function valueOf({ rates }: RatedRow, column: keyof Counts): number {
  return rates?.[column] ?? -1;
}

/** The scroll may exceed `most` if the screen has become higher, or the table shorter. */
function scrolled(view: View, rows: number, most: number): View {
  const scroll = Math.min(view.scroll, most) + rows;
  return { ...view, scroll: Math.min(Math.max(0, scroll), most) };
}

function after<T>(all: readonly T[], current: T, by: number): T {
  const at = all.indexOf(current) + by + all.length;
  return all[at % all.length]!;
}

function step(seconds: number, by: number): number {
  const at = INTERVALS.findIndex((each) => each >= seconds);
  const next = (at < 0 ? INTERVALS.length - 1 : at) + by;
  return INTERVALS[Math.min(Math.max(next, 0), INTERVALS.length - 1)]!;
}
