/** Records of the ethtool commands. Members of coalesce and driver records have the names that ethtool prints. */

import * as v from "valibot";
import { builtLater, count, u32 } from "./fields.ts";

/** Coalesce parameters by their ethtool names; a switch is 1 for on and 0 for off. */
export const CoalesceRecordSchema = v.object({
  "rx-usecs": count,
  "rx-frames": count,
  "adaptive-rx": count,
});
export type CoalesceRecord = v.InferOutput<typeof CoalesceRecordSchema>;

export const CoalesceValuesSchema = builtLater(() =>
  v.strictObject({
    "rx-usecs": v.exactOptional(u32),
    "rx-frames": v.exactOptional(u32),
    "adaptive-rx": v.exactOptional(v.picklist([0, 1])),
  })
);

/** The sizes of the rings in packets. */
export const RingRecordSchema = builtLater(() =>
  v.object({
    "rx-max": count,
    "tx-max": count,
    "rx": count,
    "tx": count,
    "tx-push": v.boolean(),
  })
);
export type RingRecord = v.InferOutput<typeof RingRecordSchema>;

export const DriverRecordSchema = builtLater(() =>
  v.object({
    "driver": v.string(),
    "version": v.string(),
    "firmware-version": v.string(),
    "expansion-rom-version": v.string(),
    "bus-info": v.string(),
    "supports-statistics": v.boolean(),
    "supports-test": v.boolean(),
    "supports-eeprom-access": v.boolean(),
    "supports-register-dump": v.boolean(),
    "supports-priv-flags": v.boolean(),
  })
);
export type DriverRecord = v.InferOutput<typeof DriverRecordSchema>;

/** A feature, under the kernel's name. Features without a record are off and fixed. */
export const FeatureRecordSchema = builtLater(() =>
  v.object({
    name: v.string(),
    active: v.boolean(),
    fixed: v.boolean(),
    requested: v.boolean(),
    /** True if a new interface requests the feature. */
    default: v.exactOptional(v.boolean()),
  })
);
export type FeatureRecord = v.InferOutput<typeof FeatureRecordSchema>;
