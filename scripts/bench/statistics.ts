/** Medians and ratios. What could not be measured is NaN, and left out. */

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value))
    .toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0
    ? NaN
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The median of the ratios of each repeat: the two sides of a repeat were measured one after the other, so what slows
 * the machine down for a while slows both.
 */
export function medianRatio(
  ours: readonly number[],
  yardstick: readonly number[],
): number {
  return median(ours.map((value, i) => value / (yardstick[i] ?? NaN)));
}

/** The share that did not arrive, in percent; what arrived beyond what was sent is no loss. */
export function lossPercent(sent: number, received: number): number {
  return sent > 0 ? Math.max(0, 100 * (1 - received / sent)) : NaN;
}

/** The arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
