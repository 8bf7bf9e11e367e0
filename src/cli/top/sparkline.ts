/** A sparkline: the values of a history as bars of eight heights, from 0 to the highest value. */

const BARS = "▁▂▃▄▅▆▇█";

/** Returns the last `width` values as one character each. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const highest = Math.max(...shown, 0);
  return shown.map((value) => {
    const height = highest === 0 ? 0 : value / highest;
    return BARS[Math.min(BARS.length - 1, Math.floor(height * BARS.length))]!;
  }).join("");
}
