/** What this process may do (capabilities(7)). */

import { libc } from "../../ffi/libc.ts";

/** The capabilities that the program asks about. */
export const Capability = {
  NetAdmin: 12,
  SysAdmin: 21,
  PerfMon: 38,
  Bpf: 39,
} as const;

const VERSION_3 = 0x20080522;

/** True if the capability is effective; false also where that cannot be found out. */
export function hasCapability(capability: number): boolean {
  const header = new Uint8Array(new Uint32Array([VERSION_3, 0]).buffer);
  // Effective, permitted and inheritable, each of the lower and then of the upper 32.
  const data = new Uint32Array(6);
  if (libc().capget(header, new Uint8Array(data.buffer)) !== 0) return false;
  const word = data[3 * (capability >> 5)]!;
  return (word >>> (capability & 31) & 1) === 1;
}
