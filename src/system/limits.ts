/** Limits of the process (getrlimit(2)). */

import { libc } from "../../ffi/libc.ts";

const RLIMIT_NOFILE = 7;

/**
 * Allows this process as many descriptors as it may allow itself: a port has four for each port that it talks to, and
 * the usual limit of 1024 would end that at some 240. A system that refuses changes nothing.
 */
export function raiseDescriptorLimit(): void {
  const limits = new BigUint64Array(2);
  const bytes = new Uint8Array(limits.buffer);
  if (libc().getrlimit(RLIMIT_NOFILE, bytes) !== 0) return;
  if (limits[0]! >= limits[1]!) return;
  limits[0] = limits[1]!;
  libc().setrlimit(RLIMIT_NOFILE, bytes);
}
