/** Which partition a P_Key belongs to, for colors: those of `subnet show` as text, graph and picture. */

import type { SubnetRecord } from "../../ipc/schema.ts";

/** Full membership bit of a P_Key. */
export const FULL = 0x8000;

/** Returns the index of the partition of a P_Key; -1 if the subnet has no such partition. */
export function partitionOf(
  { partitions }: Pick<SubnetRecord, "partitions">,
  pkey: number,
): number {
  const base = pkey & ~FULL;
  return partitions.findIndex((each) => (each.pkey & ~FULL) === base);
}

export function isFull(pkey: number): boolean {
  return (pkey & FULL) !== 0;
}
