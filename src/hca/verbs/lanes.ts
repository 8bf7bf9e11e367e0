/** Link widths and speeds (IBTA vol. 1 14.2.5.6). */

/** Returns the number of lanes of `ibv_port_attr.active_width`, or 1 for an undefined width. */
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

/** Nominal Mb/s of one lane from SDR to XDR, by the bit set in `ibv_port_attr.active_speed` or `active_speed_ex`. */
const SPEEDS: Readonly<Record<number, number>> = {
  1: 2_500,
  2: 5_000,
  4: 10_000,
  8: 10_000,
  16: 14_000,
  32: 25_000,
  64: 50_000,
  128: 100_000,
  256: 200_000,
};

/** Returns the nominal Mb/s of one lane for such a speed; that of SDR for an undefined speed. */
export function laneMbps(speed: number): number {
  return SPEEDS[speed] ?? SPEEDS[1]!;
}
