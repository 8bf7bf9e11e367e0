/** Text tables with a heading, whose columns are as wide as their longest cell. */

/** Colors a cell, which may have spaces at its end. `row` is the index of the row without the heading. */
export type Paint = (cell: string, row: number, column: number) => string;

/** Formats a table. Two spaces separate the columns; lines have no trailing spaces. */
export function columns(
  heading: string[],
  rows: string[][],
  paint: Paint = (cell) => cell,
): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, i) =>
    Math.max(...all.map((row) => (row[i] ?? "").length))
  );
  return all.map((row, r) => {
    const last = row.findLastIndex((cell) => cell !== "");
    const cells = row.slice(0, last + 1).map((cell, i) => {
      const painted = r === 0 ? cell : paint(cell, r - 1, i);
      const space = i === last ? 0 : widths[i]! - cell.length;
      return painted + " ".repeat(space);
    });
    return `${cells.join("  ")}\n`;
  }).join("");
}
