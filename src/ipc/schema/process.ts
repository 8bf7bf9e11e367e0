/** What a process says of itself: version, statistics, memory. */

import * as v from "valibot";
import { count, counters, u32 } from "./fields.ts";
import { Stats64Schema } from "./link.ts";

export const VersionRecordSchema = v.object({
  version: v.string(),
  pid: u32,
  /** Parent first, then its children; none for a subnet manager alone. */
  interfaces: v.array(v.string()),
  /** Inode of the network namespace of the interfaces. */
  namespace: v.exactOptional(count),
});
export const StatsRecordSchema = v.object({
  ifname: v.string(),
  stats64: Stats64Schema,
  drops: counters,
  /** Everything else that is counted: the engine's and the port's counters. */
  counters,
});
export type StatsRecord = v.InferOutput<typeof StatsRecordSchema>;

/** Memory of the data worker in bytes, and packets so far: tests relate one to the other. */
export const HeapRecordSchema = v.object({
  heap_used: count,
  heap_total: count,
  external: count,
  packets: count,
});
