/** Rows of the engine's tables: neighbours, paths, multicast groups, children. */

import * as v from "valibot";
import { count, u16, u32 } from "./fields.ts";

/** A neighbour; the first members are those of `ip -s -j neigh`. */
export const NeighRecordSchema = v.object({
  /** IP address. */
  dst: v.string(),
  dev: v.string(),
  /** 20 bytes; absent while unknown. */
  lladdr: v.exactOptional(v.string()),
  /** Seconds since a packet used it, a proof of life came, it changed. */
  used: count,
  confirmed: count,
  updated: count,
  probes: count,
  /** `INCOMPLETE`, `REACHABLE`, `STALE`, `DELAY`, `PROBE`, `FAILED`, `PERMANENT`. */
  state: v.array(v.string()),
  /** The two halves of lladdr. */
  qpn: v.exactOptional(count),
  gid: v.exactOptional(v.string()),
  /** Packets waiting for resolution. */
  queued: count,
});
export type NeighRecord = v.InferOutput<typeof NeighRecordSchema>;

/** A path to a GID; the members from `dlid` to `hoplimit` are there only if it is complete. */
export const PathRecordSchema = v.object({
  gid: v.string(),
  dev: v.string(),
  complete: v.boolean(),
  dlid: v.exactOptional(u16),
  sl: v.exactOptional(count),
  rate_mbps: v.exactOptional(count),
  /** IB MTU in bytes. */
  mtu: v.exactOptional(count),
  hoplimit: v.exactOptional(count),
  /** Packets waiting for the answer. */
  queued: count,
  /** Why the last query failed. */
  error: v.exactOptional(v.string()),
});
export type PathRecord = v.InferOutput<typeof PathRecordSchema>;

/** A multicast group; the first members are those of the driver's debugfs file. */
export const McgRecordSchema = v.object({
  mgid: v.string(),
  dev: v.string(),
  /** Milliseconds since the entry was made. */
  created_ms: v.pipe(v.number(), v.minValue(0)),
  /** Packets waiting for the join. */
  queuelen: count,
  /** True once joined (and attached, if a full member). */
  complete: v.boolean(),
  send_only: v.boolean(),
  /** Where the join stands: `idle`, `joining`, `joined`, `waiting` (for `retry_ms`). */
  join: v.string(),
  /** True if the queue pair is attached. */
  attached: v.boolean(),
  /** Absent until joined. */
  mlid: v.exactOptional(u16),
  qkey: v.exactOptional(u32),
  /** IB MTU in bytes. */
  mtu: v.exactOptional(count),
  rate_mbps: v.exactOptional(count),
  sl: v.exactOptional(count),
  retry_ms: v.exactOptional(v.number()),
  /** Why the last join failed. */
  error: v.exactOptional(v.string()),
});
export type McgRecord = v.InferOutput<typeof McgRecordSchema>;

/** A child interface. */
export const ChildRecordSchema = v.object({
  ifname: v.string(),
  /** Its parent. */
  link: v.string(),
  ifindex: u32,
  /** How it was made: `legacy` by `create_child`, `rtnl` by `link add`. */
  kind: v.exactOptional(v.picklist(["legacy", "rtnl"])),
  /** With the full member bit, as the driver uses it. */
  pkey: v.string(),
  operstate: v.string(),
  /** As in a link record. */
  state: v.string(),
});
export type ChildRecord = v.InferOutput<typeof ChildRecordSchema>;
