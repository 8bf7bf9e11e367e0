/** Medians and ratios. */

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
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
  return median(ours.map((value, i) => value / yardstick[i]!));
}
