/**
 * What `ipoib subnet show` prints: the snapshot that the subnet manager answers with, passed on as it is.
 *
 * The same shape as the manager's own snapshot (a test holds the two together); MGIDs and GUIDs are in
 * their readable form, P_Keys are numbers here.
 */

import * as v from "valibot";

export const SubnetRecordSchema = v.object({
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
    /** The interface whose process holds the manager, or what holds it alone. */
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
  /** True if members or groups were left out because there are too many. */
  truncated: v.exactOptional(v.boolean()),
});
export type SubnetRecord = v.InferOutput<typeof SubnetRecordSchema>;
