/** Waits for conditions. */

import { patient } from "../../../scripts/machine.ts";

const STEP_MS = 20;
const LIMIT_MS = 20_000;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

type Result<T> = T | null | undefined | false;

/**
 * Calls `probe` until its result is neither null, undefined nor false, and returns the result. Throws an error that names
 * `what` after `limit` milliseconds at normal machine speed.
 */
export async function until<T>(
  what: string,
  probe: () => Result<T> | Promise<Result<T>>,
  limit: number = LIMIT_MS,
): Promise<T> {
  const end = performance.now() + patient(limit);
  for (;;) {
    const result = await probe();
    if (result !== null && result !== undefined && result !== false) {
      return result;
    }
    if (performance.now() > end) {
      throw new Error(
        `Timeout of ${patient(limit) / 1000} s while waiting for: ${what}`,
      );
    }
    await pause(STEP_MS);
  }
}
