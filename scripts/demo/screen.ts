/** Output of the demo: lines, with colors on a terminal only. */

import { bold, cyan, dim, setColorEnabled } from "@std/fmt/colors";
import type { RoundTrips } from "./jobs.ts";

setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);

const encoder = new TextEncoder();

/** Prints one line. */
export function line(text = ""): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

/** Prints an empty line and the title of a section. */
export function title(text: string): void {
  line();
  line(bold(text));
}

/** Formats secondary text. */
export const faint = dim;
/** Formats an address. */
export const accent = cyan;

/** Formats minimum, mean and maximum in milliseconds: `0.041 / 0.055 / 0.113`. */
export function roundTripText({ min, avg, max }: RoundTrips): string {
  return [min, avg, max].map((ms) => ms.toFixed(3)).join(" / ");
}

/** Aligns the cells of rows in columns: the first `left` columns to the left, the others to the right. */
export function columns(rows: readonly string[][], left: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => row[i]!.length))
  );
  return rows.map((row) =>
    row.map((cell, i) =>
      i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    ).join("  ").trimEnd()
  );
}
