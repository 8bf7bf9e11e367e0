/** Selectors of MTU, rate and packet life time (IBTA vol. 1 15.2.5.16): two bits above a six-bit value. */

export const Selector = {
  GreaterThan: 0,
  LessThan: 1,
  Exactly: 2,
  /** Largest available value; for packet life time, the smallest. */
  Best: 3,
} as const;

/** Returns the byte of a selector and a value. */
export function packSelector(selector: number, value: number): number {
  return (selector & 3) << 6 | value & 63;
}

/** Returns the selector in a byte. */
export function selectorOf(byte: number): number {
  return byte >> 6;
}

/** Returns the value in a byte. */
export function valueOf(byte: number): number {
  return byte & 63;
}

/**
 * True if the actual value satisfies the selector and the requested value.
 *
 * Both values are magnitudes (bytes, megabits per second), not codes. Every value satisfies `Best`; the caller chooses
 * the best one.
 */
export function selectorAllows(
  selector: number,
  requested: number,
  actual: number,
): boolean {
  switch (selector) {
    case Selector.GreaterThan:
      return actual > requested;
    case Selector.LessThan:
      return actual < requested;
    case Selector.Exactly:
      return actual === requested;
    default:
      return true;
  }
}
