/** The table and the chart of a sweep. */

import { chart, type Point } from "./chart.ts";
import { figure, type Series } from "./report.ts";
import { median } from "./statistics.ts";
import type { Sweep, SweepResult } from "./sweep.ts";

/** Formats the medians as a Markdown table: a row for each setting, a column for each quantity of each subject. */
export function sweepTable(sweep: Sweep, result: SweepResult): string {
  const subjects = subjectsOf(result);
  const columns = sweep.quantities.flatMap(({ name, unit }, of) =>
    subjects.map((subject) => ({ name, unit, of, subject }))
  );
  const heads = columns.map(({ name, unit, subject }) =>
    `${name} [${unit}]${subjects.length > 1 ? `, ${subject}` : ""}`
  );
  const rows = sweep.settings.map((setting, i) => [
    String(setting),
    ...columns.map(({ of, subject }) => cell(result[of]![i]!, subject)),
  ]);
  const lines = [[sweep.parameter, ...heads], ...rows];
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length))
  );
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padStart(widths[i]!)).join(" | ")} |`;
  const rule = row(widths.map((width) => `${"-".repeat(width - 1)}:`));
  const [head, ...body] = lines.map(row);
  return [head, rule, ...body].join("\n");
}

/** Draws the chart, as SVG. */
export function sweepChart(
  { parameter, settings, quantities }: Sweep,
  result: SweepResult,
  caption: string,
): Promise<string> {
  const panels = quantities.flatMap(({ name, unit, drawn }, of) =>
    drawn
      ? [{
        title: `${name} [${unit}]`,
        curves: subjectsOf(result).map((subject) => ({
          name: subject,
          points: result[of]!.map((series) => pointOf(series, subject)),
        })),
      }]
      : []
  );
  return chart(parameter, settings, panels, caption);
}

/** The subjects that have results, in their order. */
function subjectsOf(result: SweepResult): string[] {
  const [first] = result;
  return [
    ...new Set((first ?? []).flatMap(({ values }) => Object.keys(values))),
  ];
}

function cell({ values }: Series, subject: string): string {
  const value = median(values[subject] ?? []);
  return Number.isNaN(value) ? "failed" : figure(value);
}

/** Returns undefined if all repeats have failed. */
function pointOf({ values }: Series, subject: string): Point | undefined {
  const known = (values[subject] ?? []).filter((value) => !Number.isNaN(value));
  if (known.length === 0) return undefined;
  return {
    middle: median(known),
    least: Math.min(...known),
    most: Math.max(...known),
  };
}
