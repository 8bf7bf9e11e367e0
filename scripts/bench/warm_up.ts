/** Warm-up before every measurement, so that the start of a process does not count as loss. */

import { reach } from "./ping.ts";
import type { Subject } from "./subject.ts";
import { blast, UDP_RATE } from "./udp.ts";

const WARM_UP_SECONDS = 0.5;
/** A port without a listener. */
const WARM_UP_PORT = 9;

/**
 * Resolves every neighbour of the first end, then sends half a second of traffic, which lets the runtime compile code.
 */
export async function warmUp(subject: Subject, pps: string): Promise<void> {
  const others = subject.addresses.slice(1);
  for (const i of others.keys()) await reach(subject, i + 1);
  const rate = Math.round(UDP_RATE / others.length);
  await Promise.all(
    others.map((to) =>
      blast(subject, pps, to, rate, WARM_UP_SECONDS, WARM_UP_PORT)
    ),
  );
}
