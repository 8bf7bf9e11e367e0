/** Selectors of MTU, rate and packet life time (IBTA vol. 1 15.2.5.16): two bits above a six-bit value. */

export const Selector = {
  GreaterThan: 0,
  LessThan: 1,
  Exactly: 2,
  /** The largest available; for packet life time the smallest. */
  Best: 3,
} as const;

/** The byte of a selector and its value. */
export function packSelector(selector: number, value: number): number {
  return (selector & 3) << 6 | value & 63;
}

/** The selector of such a byte. */
export function selectorOf(byte: number): number {
  return byte >> 6;
}

/** The value of such a byte. */
export function valueOf(byte: number): number {
  return byte & 63;
}

/**
 * True if what is there satisfies what was asked.
 *
 * Both are magnitudes (bytes, megabits per second), not codes. `Best` is satisfied by anything: whoever
 * chooses takes the best.
 */
export function selectorAllows(
  selector: number,
  asked: number,
  actual: number,
): boolean {
  switch (selector) {
    case Selector.GreaterThan:
      return actual > asked;
    case Selector.LessThan:
      return actual < asked;
    case Selector.Exactly:
      return actual === asked;
    default:
      return true;
  }
}
