/** Waiting for a state of the world. */

const STEP_MS = 20;
/** Generous: the machine may be busy with other things. */
const LIMIT_MS = 20_000;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again and again until the answer is neither undefined nor false; throws what it waited for when the time is up. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limit: number = LIMIT_MS,
): Promise<T> {
  const end = performance.now() + limit;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) {
      throw new Error(`${what}: not within ${limit / 1000} s`);
    }
    await pause(STEP_MS);
  }
}
