/**
 * Rates of links and paths: the codes of PathRecord and MCMemberRecord (IBTA vol. 1 15.2.5.16).
 *
 * The codes are not in order of speed. Rates are compared by data rate, as in OpenSM: codes up to 10 are those of links
 * with 8b/10b encoding, the others those of links with 64b/66b encoding.
 */

/**
 * By code: the nominal rate in Gb/s, and the exact rate in Mb/s (Linux `ib_rate_to_mbps`; that of 1200 Gb/s from
 * rdma-core's `ibv_rate_to_mbps`).
 */
const RATES: readonly (readonly [gbps: number, mbps: number] | undefined)[] = [
  ...[undefined, undefined, [2.5, 2500], [10, 10000], [30, 30000], [5, 5000]],
  ...[[20, 20000], [40, 40000], [60, 60000], [80, 80000], [120, 120000]],
  ...[[14, 14062], [56, 56250], [112, 112500], [168, 168750], [25, 25781]],
  ...[[100, 103125], [200, 206250], [300, 309375], [28, 28125], [50, 53125]],
  ...[[400, 425000], [600, 637500], [800, 850000], [1200, 1275000]],
  ...[[1600, 1700000]],
] as const;

/** Returns the signaling rate of a code in Mb/s, or undefined for an undefined code. */
export function rateMbps(code: number): number | undefined {
  return RATES[code]?.[1];
}

/** Returns the nominal rate of a code in Gb/s, such as 14 for FDR, or undefined for an undefined code. */
export function rateGbps(code: number): number | undefined {
  return RATES[code]?.[0];
}

/** Formats a code as its nominal rate: `40 Gb/sec`. */
export function formatRate(code: number): string {
  const rate = rateGbps(code);
  return rate === undefined ? `rate code ${code}` : `${rate} Gb/sec`;
}

/** Returns the code of a nominal rate in Gb/s, or the code of 2.5 Gb/s if there is none. */
export function rateCode(gbps: number): number {
  const code = RATES.findIndex((rate) => rate?.[0] === gbps);
  return code < 0 ? rateCode(2.5) : code;
}

/** The highest code of a link with 8b/10b encoding. */
const LAST_8B10B = 10;

/** Returns the data rate of a code in Mb/s, for comparisons, or undefined for an undefined code. */
export function rateDataMbps(code: number): number | undefined {
  const mbps = rateMbps(code);
  return mbps && mbps * (code <= LAST_8B10B ? 8 / 10 : 64 / 66);
}

/** Every defined code, slowest first. */
export const RATE_CODES_BY_SPEED: readonly number[] = [...RATES.keys()]
  .filter((code) => RATES[code] !== undefined)
  .sort((a, b) => rateDataMbps(a)! - rateDataMbps(b)!);

/** Returns the code of the next slower rate, or undefined if there is none. */
export function slowerRate(code: number): number | undefined {
  const index = RATE_CODES_BY_SPEED.indexOf(code);
  return index < 1 ? undefined : RATE_CODES_BY_SPEED[index - 1];
}
