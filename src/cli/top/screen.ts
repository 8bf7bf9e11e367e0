/** The screen of `ipoib top` as lines of text, which fit the terminal. */

import { shortGid } from "../../base/gid_text.ts";
import { printable } from "../../base/printable.ts";
import { number } from "../render/number.ts";
import { type Palette } from "../render/style.ts";
import type { Rated, RatedRow } from "./rates.ts";
import type { Table } from "./sample.ts";
import { sparkline } from "./sparkline.ts";
import { type Column, HELP, sorted, type View } from "./view.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const RATE_WIDTH = 8;
const MIN_SPARKLINE = 10;
/** Lines above the rows. */
const HEAD = 4;

const HEADINGS: Readonly<Record<Exclude<Column, "name">, string>> = {
  rx: "RX/s",
  tx: "TX/s",
  rxPackets: "RXPKT/s",
  txPackets: "TXPKT/s",
  drops: "DROP/s",
};
const TITLES: Readonly<Record<Table, string>> = {
  interfaces: "INTERFACE",
  peers: "PEER",
  groups: "GROUP",
};

/** Only interfaces count drops. */
export function columnsOf(table: Table): Exclude<Column, "name">[] {
  const all = ["rx", "tx", "rxPackets", "txPackets"] as const;
  return table === "interfaces" ? [...all, "drops"] : [...all];
}

/**
 * Returns the lines of the screen: at most `rows`, none longer than `columns`.
 *
 * @param clock the time of day
 * @param message an error, in the line below the totals
 */
export function screen(
  rated: Rated | undefined,
  view: View,
  size: Size,
  palette: Palette,
  { clock, message }: { clock: string; message?: string | undefined },
): string[] {
  const { columns, rows } = size;
  const lines = [
    fit(headLine(rated, view, clock), columns),
    fit(totalLine(rated, view), columns),
    message === undefined ? "" : palette.bad(fit(printable(message), columns)),
  ];
  if (view.help) lines.push("", ...HELP.map((line) => fit(line, columns)));
  else if (rated) {
    const all = sorted(rated.rows, view);
    const from = Math.min(view.scroll, highestScroll(rated, size));
    const shown = all.slice(from, from + spaceOf(size));
    const nameWidth = widthOfNames(all, view.table, columns);
    lines.push(
      palette.heading(heading(view, nameWidth, columns)),
      ...shown.map((row) => line(row, view, nameWidth, columns, palette)),
    );
  }
  return lines.slice(0, rows);
}

/** Returns the number of rows above the screen if the last row is at its end. */
export function highestScroll(rated: Rated | undefined, size: Size): number {
  return Math.max(0, (rated?.rows.length ?? 0) - spaceOf(size));
}

/** Returns the number of rows for which the screen has space. */
function spaceOf({ rows }: Size): number {
  return Math.max(0, rows - HEAD);
}

/** Returns the table without a terminal: all rows, names in full, no history. */
export function plainTable({ rows }: Rated, view: View): string {
  const all = sorted(rows, view);
  const width = Math.max(
    TITLES[view.table].length,
    ...all.map((row) => label(row).length),
  );
  const lines = [
    TITLES[view.table].padEnd(width) +
    columnsOf(view.table).map((column) => HEADINGS[column].padStart(RATE_WIDTH))
      .join(""),
    ...all.map((row) =>
      label(row).padEnd(width) + rateCells(row, view.table).join("") +
      (row.trouble === undefined ? "" : `  ${printable(row.trouble)}`)
    ),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function headLine(rated: Rated | undefined, view: View, clock: string) {
  const count = rated?.interfaces.length ?? 0;
  const interfaces = count === 1 ? "1 interface" : `${count} interfaces`;
  const others = view.table === "interfaces" || !rated
    ? ""
    : `, ${rated.rows.length} ${view.table}`;
  const state = view.paused ? "paused" : `every ${view.seconds} s`;
  return `ipoib top  ${clock}  ${interfaces}${others}, ${state}  (h: help, q: quit)`;
}

function totalLine(rated: Rated | undefined, { ascii }: View): string {
  const { rates, history } = rated?.total ?? {};
  if (!rates || !history) return "measuring";
  const bytes = (name: string, value: number) => `${name} ${rate(value)}B/s`;
  return `total  ${bytes("rx", rates.rx)}  ${bytes("tx", rates.tx)}  ` +
    `drops ${rate(rates.drops)}/s  ${sparkline(history, 20, ascii)}`;
}

function heading(view: View, nameWidth: number, columns: number): string {
  const cells = columnsOf(view.table).map((column) => {
    const mark = view.sort === column ? "*" : "";
    return (mark + HEADINGS[column]).padStart(RATE_WIDTH);
  });
  const name = (view.sort === "name" ? "*" : "") + TITLES[view.table];
  return fit(
    `${name.padEnd(nameWidth)}${cells.join("")}  HISTORY`.padEnd(columns),
    columns,
  );
}

function line(
  row: RatedRow,
  view: View,
  nameWidth: number,
  columns: number,
  palette: Palette,
): string {
  const name = fit(label(row), nameWidth).padEnd(nameWidth);
  const cells = rateCells(row, view.table).join("");
  const left = columns - nameWidth - cells.length - 2;
  const paint = row.trouble === undefined ? palette.name : palette.bad;
  if (left < 1) return fit(name + cells, columns);
  const tail = row.trouble === undefined
    ? sparkline(row.history, left, view.ascii)
    : palette.bad(fit(printable(row.trouble), left));
  return `${paint(name)}${cells}  ${tail}`;
}

function rateCells({ rates }: RatedRow, table: Table): string[] {
  return columnsOf(table).map((column) =>
    (rates ? rate(rates[column]) : "-").padStart(RATE_WIDTH)
  );
}

/** Returns the name of a row, with its interface. */
function label({ name, of }: RatedRow): string {
  const text = shortGid(name);
  return printable(of === undefined ? text : `${text} ${of}`);
}

function widthOfNames(
  rows: readonly RatedRow[],
  table: Table,
  columns: number,
): number {
  const longest = Math.max(
    TITLES[table].length + 1,
    ...rows.map((row) => label(row).length),
  );
  const rates = columnsOf(table).length * RATE_WIDTH;
  const most = columns - rates - MIN_SPARKLINE - 2;
  return Math.max(TITLES[table].length + 1, Math.min(longest, most));
}

/** Formats a rate with at most five characters: `0`, `0.4`, `812`, `1.25M`. */
function rate(value: number): string {
  if (value > 0 && value < 9.95) return value.toFixed(1);
  return number(Math.round(value), true);
}

/** Cuts a text to a width; `~` marks the cut. */
function fit(text: string, width: number): string {
  return text.length <= width
    ? text
    : `${text.slice(0, Math.max(0, width - 1))}~`
      .slice(0, width);
}
