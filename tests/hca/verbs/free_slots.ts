/** Counts the free send slots, without those lent to the kernel. */

import type { VerbsSendMemory } from "../../../src/hca/verbs/send_memory.ts";

/** Reserves all free slots without collecting completions, and frees them in reverse order. Returns their number. */
export function freeSlots(memory: VerbsSendMemory): number {
  const { collect, starved } = memory;
  memory.collect = () => {};
  const taken: number[] = [];
  const next = () => memory.reserve(true);
  for (let slot = next(); slot >= 0; slot = next()) taken.push(slot);
  for (const slot of taken.toReversed()) memory.unreserve(slot);
  Object.assign(memory, { collect, starved });
  return taken.length;
}
