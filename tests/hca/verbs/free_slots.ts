/** How many send slots are free, those with the kernel aside. */

import type { VerbsSendMemory } from "../../../src/hca/verbs/send_memory.ts";

/** Takes all that are free and gives them back; nothing is collected for it. */
export function freeSlots(memory: VerbsSendMemory): number {
  const { collect, starved } = memory;
  memory.collect = () => {};
  const taken: number[] = [];
  for (let slot = memory.reserve(); slot >= 0; slot = memory.reserve()) {
    taken.push(slot);
  }
  for (const slot of taken.toReversed()) memory.unreserve(slot);
  Object.assign(memory, { collect, starved });
  return taken.length;
}
