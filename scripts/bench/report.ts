/** The result as a table and as a record for JSON. */

import { median, medianRatio } from "./statistics.ts";

/** One quantity, measured in turn on both sides. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** The ratio of two values near zero means nothing. */
  readonly nearZero?: boolean;
  readonly ours: number[];
  readonly yardstick: number[];
}

/** Medians of a series; the ratio is of ours to the yardstick's. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly better: "more" | "less";
  readonly yardstick: number;
  readonly ours: number;
  /** Absent where it means nothing. */
  readonly ratio?: number;
}

/** The medians of each series. */
export function rowsOf(series: readonly Series[]): Row[] {
  return series.map(({ name, unit, better, nearZero, ours, yardstick }) => ({
    name,
    unit,
    better,
    yardstick: median(yardstick),
    ours: median(ours),
    ...(nearZero ? {} : { ratio: medianRatio(ours, yardstick) }),
  }));
}

/** The table: one line a quantity. */
export function table(rows: readonly Row[]): string {
  const head = ["", "C splice", "ipoib", "ratio", "better"];
  const body = rows.map(({ name, unit, better, yardstick, ours, ratio }) => [
    `${name} [${unit}]`,
    yardstick.toPrecision(3),
    ours.toPrecision(3),
    ratio === undefined ? "-" : `${ratio.toFixed(2)}x`,
    better,
  ]);
  const lines = [head, ...body];
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length))
  );
  return lines.map((line) =>
    line.map((cell, column) =>
      column === 0 || column === 4
        ? cell.padEnd(widths[column]!)
        : cell.padStart(widths[column]!)
    ).join("  ").trimEnd()
  ).join("\n");
}
