/** Formats results as tables and as records for JSON. */

import { median, medianRatio } from "./statistics.ts";

/** A measured quantity. */
export interface Quantity {
  readonly name: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** True if values may be near zero, where ratios are meaningless. */
  readonly nearZero?: boolean;
}

/** Values of a quantity by the name of the subject, one for each repeat. */
export interface Series extends Quantity {
  readonly values: Readonly<Record<string, number[]>>;
}

/** A column of a table: medians of a subject, or ratios to another subject. */
export interface Column {
  readonly title: string;
  readonly subject: string;
  readonly to?: string;
}

/** Result of a measurement whose table has its own columns. */
export interface TableResult {
  readonly series: Series[];
  readonly columns: readonly Column[];
  /** Messages of failed measurements. */
  readonly failures: string[];
}

/** Medians of a series by subject, and ratios by both subjects, such as `uring / C splice`. */
export interface Row extends Quantity {
  readonly medians: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
}

/** Returns the number in a cell, or undefined for an empty cell. */
export function valueOf(
  { nearZero, values }: Series,
  { subject, to }: Column,
): number | undefined {
  const own = values[subject];
  if (!own || own.length === 0) return undefined;
  if (to === undefined) return median(own);
  const other = values[to];
  return !other || nearZero ? undefined : medianRatio(own, other);
}

/** Returns medians and ratios of each series for JSON. */
export function rowsOf(
  series: readonly Series[],
  columns: readonly Column[],
): Row[] {
  return series.map((each) => {
    const { values, ...quantity } = each;
    const ratios = columns.filter(({ to }) => to !== undefined)
      .map((column) => [ratioName(column), valueOf(each, column)] as const)
      .filter((entry): entry is [string, number] => entry[1] !== undefined);
    return {
      ...quantity,
      medians: Object.fromEntries(
        Object.entries(values).map(([name, each]) => [name, median(each)]),
      ),
      ratios: Object.fromEntries(ratios),
    };
  });
}

/** Formats a table with a line for each quantity that has values. */
export function table(
  series: readonly Series[],
  columns: readonly Column[],
): string {
  const head = ["", ...columns.map(({ title }) => title), "better"];
  const body = series
    .filter((each) => columns.some(({ subject }) => each.values[subject]))
    .map((each) => [
      `${each.name} [${each.unit}]`,
      ...columns.map((column) => cell(valueOf(each, column), column)),
      each.better,
    ]);
  const lines = [head, ...body];
  const last = head.length - 1;
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length))
  );
  return lines.map((line) =>
    line.map((text, column) =>
      column === 0 || column === last
        ? text.padEnd(widths[column]!)
        : text.padStart(widths[column]!)
    ).join("  ").trimEnd()
  ).join("\n");
}

function ratioName({ subject, to }: Column): string {
  return `${subject} / ${to}`;
}

function cell(value: number | undefined, { to }: Column): string {
  if (value === undefined) return "-";
  if (Number.isNaN(value)) return "failed";
  return to === undefined ? figure(value) : `${value.toFixed(2)}x`;
}

/** Formats a number with at least three significant digits; large numbers without an exponent. */
export function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
