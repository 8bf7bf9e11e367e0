/** Round-trip times, measured with ping(8). */

import { type RoundTrips, roundTripsOf } from "../ping_output.ts";
import { runFor, runInside } from "./inside.ts";
import type { Subject } from "./subject.ts";

const PINGS = 500;
const INTERVAL_S = 0.002;
const WARM_UP_PINGS = 10_000;
const ANSWER_LIMIT_MS = 15_000;

/**
 * Measures round-trip times on an idle network with 500 pings at intervals of 2 ms. A flood of pings before them lets
 * the runtime compile the code of the data path.
 */
export async function idleRtt(
  { namespaces: [near], addresses }: Subject,
): Promise<RoundTrips> {
  const ping = (...args: string[]) =>
    runInside(near, "ping", "-q", ...args, addresses[1]);
  await ping("-f", "-c", String(WARM_UP_PINGS));
  return roundTripsOf(
    await ping("-i", String(INTERVAL_S), "-c", String(PINGS)),
  );
}

/** Measures round-trip times for `seconds`, with pings at intervals of 2 ms. */
export async function loadedRtt(
  { namespaces: [near], addresses }: Subject,
  seconds: number,
): Promise<RoundTrips> {
  const count = String(seconds / INTERVAL_S);
  const args = ["-q", "-i", String(INTERVAL_S), "-c", count, addresses[1]];
  return roundTripsOf(await runFor(seconds, near, "ping", ...args));
}

/** Waits until the first end reaches another, which resolves the neighbour. Throws an Error after 15 s. */
export async function reach(
  { name, namespaces: [near], addresses }: Subject,
  end: number,
): Promise<void> {
  const limit = performance.now() + ANSWER_LIMIT_MS;
  const once = ["-q", "-c", "1", "-W", "1", addresses[end]!];
  for (;;) {
    try {
      await runInside(near, "ping", ...once);
      return;
    } catch (error) {
      if (performance.now() > limit) {
        throw new Error(`${name}: ${addresses[end]} did not answer`, {
          cause: error,
        });
      }
    }
  }
}
