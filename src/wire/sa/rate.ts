/**
 * Rate codes of PathRecord and MCMemberRecord (IBTA vol. 1 table 224, Linux `ib_rate_to_mbps`).
 *
 * The codes are not in order of speed. Rates are compared by what is left of them for data, as OpenSM does:
 * codes up to 10 are of links that spend a fifth on their line code, the others two of 66 bits.
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

/** The last code of a link with the line code 8b/10b. */
const LAST_8B10B = 10;

/** Megabits of data per second, for comparisons, or undefined for a code that is not defined. */
export function rateDataMbps(code: number): number | undefined {
  const mbps = rateMbps(code);
  return mbps && mbps * (code <= LAST_8B10B ? 8 / 10 : 64 / 66);
}

/** Every defined code, slowest first. */
export const RATE_CODES_BY_SPEED: readonly number[] = [...MBPS.keys()]
  .filter((code) => MBPS[code]! > 0)
  .sort((a, b) => rateDataMbps(a)! - rateDataMbps(b)!);

/** The next slower rate, or undefined if there is none. */
export function slowerRate(code: number): number | undefined {
  const index = RATE_CODES_BY_SPEED.indexOf(code);
  return index < 1 ? undefined : RATE_CODES_BY_SPEED[index - 1];
}
