/** Tables with a heading, columns as wide as they must be. */

/** Rows under a heading; two blanks between columns, none at the end of a line. */
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
