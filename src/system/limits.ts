/** Resource limits of the process (getrlimit(2)). */

import { libc } from "../../ffi/libc.ts";

const RLIMIT_NOFILE = 7;

/**
 * Raises the soft limit of open descriptors (RLIMIT_NOFILE) to the hard limit. A port of the embedded subnet needs up
 * to four descriptors per peer port, so the usual soft limit of 1024 would allow only some 240 peers.
 *
 * @returns the soft limit afterwards, unchanged if setrlimit(2) fails; Infinity if getrlimit(2) fails
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
