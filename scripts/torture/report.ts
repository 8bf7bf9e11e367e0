/** Formats the results of a part as a Markdown table. */

import type { Row } from "./part.ts";

/** Returns the lines of a table, the failures, and `N passed, N failed` as the last line. */
export function reportLines(part: string, rows: readonly Row[]): string[] {
  const failed = rows.filter(({ failures }) => failures.length > 0);
  return [
    "",
    ...table([
      [part, "times", "failures", "note"],
      ...rows.map(({ what, times, failures, note }) => [
        what,
        String(times),
        String(failures.length),
        note ?? "",
      ]),
    ]),
    ...failed.flatMap(({ what, failures }) => [
      "",
      `${what}:`,
      ...failures.map((each) => `- ${each}`),
    ]),
    "",
    `${rows.length - failed.length} passed, ${failed.length} failed`,
  ];
}

/** Returns the lines of a Markdown table with aligned columns. The first row is the header. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const head = rows[0]!;
  const widths = head.map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [
    line(head),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.slice(1).map(line),
  ];
}
