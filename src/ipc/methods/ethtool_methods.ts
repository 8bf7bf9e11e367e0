/** Methods of `ipoib ethtool`. */

import * as v from "valibot";
import {
  CoalesceRecordSchema,
  CoalesceValuesSchema,
  DriverRecordSchema,
  FeatureRecordSchema,
  RingRecordSchema,
} from "../schema/ethtool_records.ts";
import { interfaceName, shortText, u32 } from "../schema/fields.ts";
import { done, type MethodEntry, ofInterface } from "./method_entry.ts";

export const ethtoolMethods = {
  /** Returns the moderation of receive completions. */
  "coalesce.get": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: CoalesceRecordSchema,
  },
  "coalesce.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      values: CoalesceValuesSchema,
    }),
    result: done,
  },
  "rings.get": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: RingRecordSchema,
  },
  /**
   * Sets the receive queue of the queue pair and the transmit queue of the network device. The former takes a new queue
   * pair, so the link restarts with another QPN.
   */
  "rings.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      rx: v.exactOptional(u32),
      tx: v.exactOptional(u32),
    }),
    result: done,
  },
  "driver": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: DriverRecordSchema,
  },
  "features": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: v.array(FeatureRecordSchema),
  },
  /** Requests features on or off. Returns the features before and after. */
  "features.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      request: v.record(shortText, v.boolean()),
    }),
    result: v.object({
      before: v.array(FeatureRecordSchema),
      after: v.array(FeatureRecordSchema),
    }),
  },
} as const satisfies Record<string, MethodEntry>;
