/** Widths, speeds and rates of a port (IBTA vol. 1 14.2.5.6 and 15.2.5.16). */

/** Lanes of `ibv_port_attr.active_width`; 1 if it is none of the known. */
export function lanes(width: number): number {
  switch (width) {
    case 2:
      return 4;
    case 4:
      return 8;
    case 8:
      return 12;
    case 16:
      return 2;
    default:
      return 1;
  }
}

/** Megabits per second of one lane, SDR to XDR, by the bit that is set in `ibv_port_attr.active_speed`. */
const SPEEDS: Readonly<Record<number, number>> = {
  1: 2_500,
  2: 5_000,
  4: 10_000,
  8: 10_000,
  16: 14_000,
  32: 25_000,
  64: 50_000,
  128: 100_000,
};

export function laneMbps(speed: number): number {
  return SPEEDS[speed] ?? SPEEDS[1]!;
}

/** Rate codes of PathRecord by megabits per second. */
const RATES: Readonly<Record<number, number>> = {
  2_500: 2,
  5_000: 5,
  10_000: 3,
  14_000: 11,
  20_000: 6,
  25_000: 15,
  28_000: 19,
  30_000: 4,
  40_000: 7,
  50_000: 20,
  56_000: 12,
  60_000: 8,
  80_000: 9,
  100_000: 16,
  112_000: 13,
  120_000: 10,
  168_000: 14,
  200_000: 17,
  300_000: 18,
  400_000: 21,
  600_000: 22,
};

/** The code of a rate; that of 2.5 Gbit/s if there is none. */
export function rateCode(mbps: number): number {
  return RATES[mbps] ?? RATES[2_500]!;
}
