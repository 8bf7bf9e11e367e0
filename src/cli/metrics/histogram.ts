/** Samples of a histogram. */

import type { FiguresRecord } from "../../ipc/schema.ts";
import type { Labels, Sample } from "./exposition.ts";

/** A value with labels of its own, or with the suffix of a histogram. */
export interface Reading extends Omit<Sample, "labels"> {
  readonly labels?: Labels;
}

/** Returns the cumulated buckets, the sum and the number of round trips. */
export function histogram(
  { counts, "sum_seconds": seconds }: Omit<
    FiguresRecord["round_trips"],
    "bounds"
  >,
  bounds: readonly number[],
): Reading[] {
  let sum = 0;
  const buckets = counts.map((count, i) => {
    const bound = bounds[i];
    return {
      suffix: "_bucket",
      labels: { le: bound === undefined ? "+Inf" : boundText(bound) },
      value: sum += count,
    };
  });
  return [
    ...buckets,
    { suffix: "_sum", value: seconds },
    { suffix: "_count", value: sum },
  ];
}

/** Formats a bound as OpenMetrics requires: `1.0`. */
function boundText(bound: number): string {
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}
