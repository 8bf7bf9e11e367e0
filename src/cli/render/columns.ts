/** Text tables with a heading, whose columns are as wide as their longest cell. */

/** Formats a table. Two spaces separate the columns; lines have no trailing spaces. */
export function columns(heading: string[], rows: string[][]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, i) =>
    Math.max(...all.map((row) => (row[i] ?? "").length))
  );
  return all.map((row) =>
    `${
      row.map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ").trimEnd()
    }\n`
  ).join("");
}
