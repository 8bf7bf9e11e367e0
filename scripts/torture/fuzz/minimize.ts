/** Minimizes a failure: removes inputs, then bytes. */

import type { FuzzTarget } from "../../../tests/fuzz/targets/target.ts";
import { type Failure, replay } from "./runner.ts";

/** Maximum number of replays for a failure. */
const MAX_REPLAYS = 2000;
const MAX_MS = 60_000;

/** Returns the error and its source location, which identify a failure. */
export function signature(error: Error): string {
  const where = /\/((?:src|ffi|tests)\/[^\s)]+)/.exec(error.stack ?? "")?.[1];
  return `${error.name}: ${error.message.slice(0, 80)} at ${where ?? "?"}`;
}

/** Returns minimal inputs that fail at the same source location, or the given inputs if they do not fail again. */
export async function minimize(
  target: FuzzTarget,
  { inputs, error }: Failure,
): Promise<readonly Uint8Array[]> {
  const end = performance.now() + MAX_MS;
  let left = MAX_REPLAYS;
  const where = signature(error).replace(/^.* at /, "");
  const fails = async (candidate: readonly Uint8Array[]) => {
    if (left-- <= 0 || performance.now() > end) return false;
    const found = await replay(target, candidate);
    return found !== undefined && signature(found).endsWith(where);
  };
  if (!await fails(inputs)) return inputs;
  let least = await reduce(inputs, fails);
  for (let i = 0; i < least.length; i++) {
    const at = i;
    const bytes = await reduce(
      [...least[at]!],
      (candidate) => fails(least.with(at, Uint8Array.from(candidate))),
    );
    least = least.with(at, Uint8Array.from(bytes));
  }
  return least;
}

/** Removes parts, from halves to single items, while `fails` returns true for the rest. */
async function reduce<T>(
  items: readonly T[],
  fails: (candidate: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let least = items;
  for (let size = Math.ceil(items.length / 2); size >= 1;) {
    let found = false;
    for (let at = 0; at < least.length;) {
      const candidate = [...least.slice(0, at), ...least.slice(at + size)];
      if (candidate.length > 0 && await fails(candidate)) {
        least = candidate;
        found = true;
      } else at += size;
    }
    if (size === 1) {
      if (!found) break;
    } else size = Math.ceil(size / 2);
    if (least.length === 1) break;
  }
  return least;
}
