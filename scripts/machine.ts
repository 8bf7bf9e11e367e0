/**
 * Slowness of the machine, measured with a loop of fixed work before each suite and in each guest.
 *
 * Tests multiply their time limits by this factor, so that they do not fail on a busy or emulated machine.
 */

/** Environment variable that passes the factor to the suites. */
export const SLOWNESS = "IPOIB_SLOWNESS";

/** Duration of the loop on an idle machine of the type for which the limits were chosen. */
const USUAL_MS = 170;
const ROUNDS = 100_000_000;

/** Shell command that prints the duration of a loop in milliseconds. */
export const SHELL_LOOP =
  "s=$(date +%s%N); for ((i = 0; i < 100000; i++)); do :; done; echo $((($(date +%s%N) - s) / 1000000))";
/** Its duration on an idle machine of that type, and in a virtual machine that such a machine emulates. */
export const SHELL_LOOP_USUAL_MS = { host: 180, guest: 2500 } as const;

/** Runs the loop. Returns 1 on a usual or faster machine, 5 on a machine that is five times slower. */
export function measureSlowness(): number {
  const start = performance.now();
  let state = 1;
  for (let i = 0; i < ROUNDS; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  const spent = performance.now() - start;
  // Uses the result, so that the compiler does not remove the loop.
  return state === 0 ? 1 : factor(spent, USUAL_MS);
}

/** Returns the ratio of a duration to the usual duration: at least 1, rounded to one decimal. */
export function factor(spentMs: number, usualMs: number): number {
  return Math.max(1, Math.round(spentMs / usualMs * 10) / 10);
}

/** Returns the measured factor of this suite, or 1 if it was not measured. */
export function slowness(): number {
  const value = Number(Deno.env.get(SLOWNESS));
  return value >= 1 ? value : 1;
}

/** Scales a time limit by the slowness of the machine. */
export function patient(usual: number): number {
  return usual * slowness();
}
