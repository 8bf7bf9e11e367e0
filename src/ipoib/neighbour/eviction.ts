/** Choice of the neighbours that a full table evicts. */

import type { Millis } from "../../base/units.ts";
import { EVICTED_SHARE, EVICTED_USED_SHARE, IDLE_MS } from "../constants.ts";
import type { Neighbour } from "./neighbour.ts";

/**
 * Returns the entries of a full table to evict: first those to which no IP packet was sent (unresolved, or ARP only),
 * then the least recently used. Ties are broken by the time of the last change. Of entries that were used within
 * IDLE_MS, only as many are evicted as necessary. Static entries stay.
 *
 * @param limit maximum number of entries, which may have become lower than their number
 */
export function chooseEvicted(
  entries: readonly Neighbour[],
  limit: number,
  now: Millis,
): Neighbour[] {
  const order = entries.filter(({ isStatic }) => !isStatic)
    .sort((a, b) => usedAt(a) - usedAt(b) || a.updatedAt - b.updatedAt);
  const excess = entries.length - limit;
  const least = excess + Math.ceil(limit * EVICTED_USED_SHARE);
  const most = excess + Math.ceil(limit * EVICTED_SHARE);
  let count = Math.min(most, order.length);
  while (count > least && isInUse(order[count - 1]!, now)) count--;
  return order.slice(0, count);
}

/** Returns the time of the last IP packet to a resolved neighbour; 0 for never. */
function usedAt({ peer, usedAt }: Neighbour): Millis {
  return peer ? usedAt : 0;
}

function isInUse(neighbour: Neighbour, now: Millis): boolean {
  const at = usedAt(neighbour);
  return at > 0 && now - at < IDLE_MS;
}
