/** The peers among the neighbours of an interface: one for each link-layer address. */

import type { NeighRecord } from "../ipc/schema.ts";
import { familyOf } from "./render/style.ts";

/**
 * Returns one neighbour for each link-layer address whose traffic is known: that with the lowest IPv4 address, or the
 * lowest IPv6 address. The choice is total, so that a peer keeps its name while its addresses stay in the
 * table.
 */
export function peersAmong(neighbours: readonly NeighRecord[]): NeighRecord[] {
  const peers = new Map<string, NeighRecord>();
  for (const each of neighbours) {
    if (each.lladdr === undefined || each.rx_bytes === undefined) continue;
    const key = `${each.dev} ${each.lladdr}`;
    const other = peers.get(key);
    if (!other || precedes(each, other)) peers.set(key, each);
  }
  return [...peers.values()];
}

function precedes(a: NeighRecord, b: NeighRecord): boolean {
  const [familyA, familyB] = [familyOf(a.dst), familyOf(b.dst)];
  return familyA === familyB ? a.dst < b.dst : familyA === "inet";
}
