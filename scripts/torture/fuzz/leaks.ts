/** What a long run may not add to its process. */

import { type ProcessState, processState } from "../process_state.ts";

/** Bytes of heap that a run may have more at its end: its corpus, what the compiler keeps. */
const HEAP_SLACK = 32 * 1024 * 1024;
const DESCRIPTOR_SLACK = 8;
const MAPPING_SLACK = 8;

export interface Held extends ProcessState {
  readonly heapBytes: number;
}

/** What this process holds after a collection of garbage. */
export function held(): Held {
  // `--v8-flags=--expose-gc` makes it.
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  return { ...processState(), heapBytes: Deno.memoryUsage().heapUsed };
}

/** What has been lost between two moments; empty if nothing. */
export function leaks(before: Held, after: Held): string[] {
  const found: string[] = [];
  const check = (what: string, from: number, to: number, slack: number) => {
    if (to - from > slack) found.push(`${what} went from ${from} to ${to}`);
  };
  check("heap bytes", before.heapBytes, after.heapBytes, HEAP_SLACK);
  check(
    "descriptors",
    before.descriptors,
    after.descriptors,
    DESCRIPTOR_SLACK,
  );
  check("mappings", before.mappings, after.mappings, MAPPING_SLACK);
  return found;
}
