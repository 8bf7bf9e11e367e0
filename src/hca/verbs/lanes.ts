/** Widths and speeds of a port (IBTA vol. 1 14.2.5.6). */

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
