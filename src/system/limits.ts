/** Limits of the process (getrlimit(2)). */

import { libc } from "../../ffi/libc.ts";

const RLIMIT_NOFILE = 7;

/**
 * Allows this process as many descriptors as it may allow itself: a port has four for each port that it talks to, and
 * the usual limit of 1024 would end that at some 240. A system that refuses changes nothing.
 *
 * @returns how many it may have now; Infinity if the system does not say
 */
export function raiseDescriptorLimit(): number {
  const limits = new BigUint64Array(2);
  const bytes = new Uint8Array(limits.buffer);
  if (libc().getrlimit(RLIMIT_NOFILE, bytes) !== 0) return Infinity;
  const [soft, hard] = limits as unknown as [bigint, bigint];
  if (soft >= hard) return Number(soft);
  limits[0] = hard;
  return Number(libc().setrlimit(RLIMIT_NOFILE, bytes) === 0 ? hard : soft);
}
