/** Record of the numbers of an interface that no other record has: table sizes, round trips, and its process. */

import * as v from "valibot";
import { builtLater, count, counters } from "./fields.ts";

export const FiguresRecordSchema = builtLater(() =>
  v.object({
    ifname: v.string(),
    /** Number of the kernel's neighbours by state: `REACHABLE`, `STALE`, ... Without states of none. */
    neighbours: counters,
    /** Number of link-layer addresses to which the interface sends. */
    peers: count,
    /** Number of paths, and of those that are resolved. */
    paths: count,
    paths_complete: count,
    /** Number of multicast groups by progress of the join: `idle`, `joining`, `joined`, `waiting`. */
    groups: v.object({
      idle: count,
      joining: count,
      joined: count,
      waiting: count,
    }),
    /** Times from the kernel's unicast probes of neighbours to the replies. */
    round_trips: v.object({
      /** Upper bounds of the buckets but the last one, in seconds. */
      bounds: v.array(v.number()),
      /** Number of round trips in each bucket, not cumulated. */
      counts: v.array(count),
      sum_seconds: v.pipe(v.number(), v.minValue(0)),
    }),
    /** Resident memory of the process, in bytes. */
    memory_bytes: count,
    /** Start of the process, in milliseconds since 1970. */
    started_ms: v.pipe(v.number(), v.minValue(0)),
  })
);
export type FiguresRecord = v.InferOutput<typeof FiguresRecordSchema>;
