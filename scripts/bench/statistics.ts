/** Medians, ratios and means. A failed measurement is NaN, which medians ignore. */

/** Returns the median; NaN without values. */
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
 * Returns the median of the ratios of each repeat. A repeat measures both sides one after the other, so a slow period
 * of the machine affects both.
 */
export function medianRatio(
  ours: readonly number[],
  yardstick: readonly number[],
): number {
  return median(ours.map((value, i) => value / (yardstick[i] ?? NaN)));
}

/** Returns the share of lost packets in percent; 0 if more arrived than were sent, NaN if none were sent. */
export function lossPercent(sent: number, received: number): number {
  return sent > 0 ? Math.max(0, 100 * (1 - received / sent)) : NaN;
}

/** Returns the arithmetic mean; NaN without values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
