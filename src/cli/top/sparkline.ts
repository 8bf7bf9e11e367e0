/** A sparkline: the values of a history as characters of eight heights, from 0 to the highest value. */

const BARS = "▁▂▃▄▅▆▇█";
const ASCII = "_.:-=+*#";

/** Returns the last `width` values as one character each. */
export function sparkline(
  values: readonly number[],
  width: number,
  ascii = false,
): string {
  const bars = ascii ? ASCII : BARS;
  const shown = values.slice(-width);
  const highest = Math.max(...shown, 0);
  return shown.map((value) => {
    const height = highest === 0 ? 0 : value / highest;
    return bars[Math.min(bars.length - 1, Math.floor(height * bars.length))]!;
  }).join("");
}
