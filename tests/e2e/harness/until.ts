/** Waiting for a state of the world. */

import { patient } from "../../../scripts/machine.ts";

const STEP_MS = 20;
const LIMIT_MS = 20_000;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks again and again until the answer is neither undefined nor false; throws what it waited for when the time is up,
 * which is `limit` on a usual machine.
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limit: number = LIMIT_MS,
): Promise<T> {
  const end = performance.now() + patient(limit);
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) {
      throw new Error(`${what}: not within ${patient(limit) / 1000} s`);
    }
    await pause(STEP_MS);
  }
}
