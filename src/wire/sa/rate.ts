/**
 * Rate codes of PathRecord and MCMemberRecord (IBTA vol. 1 table 224, Linux `ib_rate_to_mbps`).
 *
 * The codes are not in order of speed: always compare megabits per second.
 */

const MBPS: readonly number[] = [
  ...[0, 0, 2500, 10000, 30000, 5000, 20000, 40000, 60000, 80000, 120000],
  ...[14062, 56250, 112500, 168750, 25781, 103125, 206250, 309375, 28125],
  ...[53125, 425000, 637500],
];

/** Megabits per second of a rate code, or undefined for a code that is not defined. */
export function rateMbps(code: number): number | undefined {
  return MBPS[code] || undefined;
}

/** Every defined code, slowest first. */
export const RATE_CODES_BY_SPEED: readonly number[] = [...MBPS.keys()]
  .filter((code) => MBPS[code]! > 0)
  .sort((a, b) => MBPS[a]! - MBPS[b]!);
