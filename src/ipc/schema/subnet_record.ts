/**
 * Record of `ipoib subnet show`: the subnet manager's snapshot, unchanged.
 *
 * The schema equals SubnetSnapshotSchema in subnet/messages.ts, which a test checks. MGIDs, GUIDs and the subnet prefix
 * are text; P_Keys are numbers.
 */

import * as v from "valibot";
import { builtLater } from "./fields.ts";

export const SubnetRecordSchema = builtLater(() =>
  v.object({
    /** Version of the manager's protocol. */
    version: v.number(),
    subnetPrefix: v.string(),
    /** IB MTU in bytes. */
    mtu: v.number(),
    rateCode: v.number(),
    manager: v.object({
      lid: v.number(),
      guid: v.string(),
      pid: v.number(),
      host: v.string(),
      /** Name of the interface whose process runs the manager, or `subnet run`. */
      name: v.string(),
    }),
    ports: v.array(v.object({
      lid: v.number(),
      guid: v.string(),
      name: v.string(),
      pid: v.number(),
      pkeys: v.array(v.number()),
      state: v.string(),
    })),
    partitions: v.array(v.object({
      name: v.string(),
      pkey: v.number(),
      ipoib: v.boolean(),
      members: v.array(v.object({ port: v.string(), membership: v.string() })),
    })),
    groups: v.array(v.object({
      mgid: v.string(),
      mlid: v.number(),
      pkey: v.number(),
      qkey: v.number(),
      mtu: v.number(),
      rateCode: v.number(),
      sl: v.number(),
      permanent: v.boolean(),
      members: v.array(
        v.object({ lid: v.number(), guid: v.string(), joinState: v.number() }),
      ),
    })),
    /** Number of frames that the manager has dropped, by reason (subnet/frame_drops.ts). */
    dropped: v.exactOptional(v.record(v.string(), v.number())),
    /** True if the record omits groups or members because there are too many. */
    truncated: v.exactOptional(v.boolean()),
  })
);
export type SubnetRecord = v.InferOutput<typeof SubnetRecordSchema>;
