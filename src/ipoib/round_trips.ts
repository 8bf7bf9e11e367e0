/**
 * Histogram of round trips: the times from a unicast probe of the kernel (ARP or neighbour discovery) to its reply.
 *
 * A probe is sent on a resolved path, so its round trip has no query of the subnet administrator in it, as that of a
 * broadcast request has. A reply after a repeated request is not counted, because it is not known which one it answers.
 * The time includes both hosts' processing of address resolution.
 */

import type { Millis } from "../base/units.ts";

/** Upper bounds of the buckets in seconds, inclusive; the last bucket has none. */
export const ROUND_TRIP_BOUNDS_SECONDS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005] as const,
  ...[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1] as const,
] as const;

export class RoundTrips {
  /** Number of round trips in each bucket, not cumulated. */
  readonly counts = new Float64Array(ROUND_TRIP_BOUNDS_SECONDS.length + 1);
  sumSeconds = 0;

  add(time: Millis): void {
    const seconds = time / 1000;
    const at = ROUND_TRIP_BOUNDS_SECONDS.findIndex((bound) => seconds <= bound);
    this.counts[at < 0 ? ROUND_TRIP_BOUNDS_SECONDS.length : at]!++;
    this.sumSeconds += seconds;
  }
}
