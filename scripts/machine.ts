/**
 * How slow the machine is: a loop of fixed work, timed once for each suite and for the guests, and printed.
 *
 * A limit in a test is the protocol's time times this factor, so that a busy or an emulated machine fails no test.
 */

/** The environment variable that carries the factor to the suites. */
export const SLOWNESS = "IPOIB_SLOWNESS";

/** The loop's length on an idle machine of the kind the limits were chosen on. */
const USUAL_MS = 170;
const ROUNDS = 100_000_000;

/** A shell command that prints the milliseconds of its loop, and what it prints in a guest of such a machine. */
export const SHELL_LOOP =
  "s=$(date +%s%N); for ((i = 0; i < 100000; i++)); do :; done; echo $((($(date +%s%N) - s) / 1000000))";
export const SHELL_LOOP_USUAL_MS = 2500;

/** Runs the loop; 1 on a usual machine or a faster one, 5 on one that is five times slower. */
export function measureSlowness(): number {
  const start = performance.now();
  let state = 1;
  for (let i = 0; i < ROUNDS; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  const spent = performance.now() - start;
  // The result is used, or the compiler would leave the loop out.
  return state === 0 ? 1 : factor(spent, USUAL_MS);
}

/** How much longer something took than usual; at least 1, one digit after the point. */
export function factor(spentMs: number, usualMs: number): number {
  return Math.max(1, Math.round(spentMs / usualMs * 10) / 10);
}

/** The factor that the run measured for this suite; 1 where nothing was measured. */
export function slowness(): number {
  const value = Number(Deno.env.get(SLOWNESS));
  return value >= 1 ? value : 1;
}

/** A limit of time for this machine. */
export function patient(usual: number): number {
  return usual * slowness();
}
