/** The numbers of an interface that the other records do not have, for `ipoib metrics`. */

import type { FiguresRecord } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { JoinProgress } from "../../ipoib/multicast/multicast_group.ts";
import { ROUND_TRIP_BOUNDS_SECONDS } from "../../ipoib/round_trips.ts";

export function figuresRecord(iface: IpoibInterface): FiguresRecord {
  const { netdev, peers, paths, groups, neighbours } = iface;
  const { roundTrips } = neighbours;
  const all = paths.entries();
  return {
    ifname: iface.name,
    neighbours: countBy(
      netdev.config.neighbours.list().map(({ state }) => state),
    ),
    peers: peers.size,
    paths: all.length,
    paths_complete: all.filter(({ ah }) => ah !== undefined).length,
    groups: {
      ...NO_GROUPS,
      ...countBy(groups.entries().map(({ progress }) => progress)),
    },
    round_trips: {
      bounds: [...ROUND_TRIP_BOUNDS_SECONDS],
      counts: [...roundTrips.counts],
      sum_seconds: roundTrips.sumSeconds,
    },
    memory_bytes: Deno.memoryUsage().rss,
    started_ms: performance.timeOrigin,
  };
}

const NO_GROUPS: Record<JoinProgress, number> = {
  idle: 0,
  joining: 0,
  joined: 0,
  waiting: 0,
};

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
