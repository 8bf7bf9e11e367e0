/** What the demo prints: plain lines, with colours on a terminal only. */

import { bold, cyan, dim, setColorEnabled } from "@std/fmt/colors";
import type { RoundTrips } from "./jobs.ts";

setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);

const encoder = new TextEncoder();

/** Prints one line. */
export function line(text = ""): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

/** Prints the title of a section, after an empty line. */
export function title(text: string): void {
  line();
  line(bold(text));
}

/** Text that matters less. */
export const faint = dim;
/** An address. */
export const accent = cyan;

/** `0.041 / 0.055 / 0.113`: milliseconds. */
export function roundTripText({ min, avg, max }: RoundTrips): string {
  return [min, avg, max].map((ms) => ms.toFixed(3)).join(" / ");
}

/** Columns as wide as their widest cell, the first `left` of them flush left. */
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
