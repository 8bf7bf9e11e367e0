/** How long a group waits after a failed join (Linux ipoib_mcast_join_complete behaviour). */

import type { Millis } from "../../base/units.ts";
import { MAX_BACKOFF_MS } from "../constants.ts";
import type { Group } from "./group.ts";

/** A failure was counted: the pause doubles before it is used, so it is 2, 4, 8, 16, 16 s... */
export function backOff(group: Group, now: Millis): void {
  group.backoffMs = Math.min(group.backoffMs * 2, MAX_BACKOFF_MS);
  group.retryAt = now + group.backoffMs;
}

/** A success, or a new beginning. */
export function resetBackOff(group: Group): void {
  group.backoffMs = 1000;
  group.retryAt = Infinity;
  group.failures = 0;
}
