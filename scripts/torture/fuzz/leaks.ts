/** Detects leaks of memory, file descriptors and mappings in a long run. */

import { type ProcessState, processState } from "../process_state.ts";

/** Allowed growth of the heap in bytes, for the corpus and compiled code. */
const HEAP_SLACK = 32 * 1024 * 1024;
const DESCRIPTOR_SLACK = 8;
const MAPPING_SLACK = 8;

/** Resources and heap of this process. */
export interface Held extends ProcessState {
  readonly heapBytes: number;
}

/** Returns the resources of this process after a garbage collection. */
export function held(): Held {
  // gc() exists with `--v8-flags=--expose-gc`.
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  return { ...processState(), heapBytes: Deno.memoryUsage().heapUsed };
}

/** Returns a description of each leak between two points in time. */
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
