/** Record of the counters of an interface. */

import * as v from "valibot";
import { builtLater, counters } from "./fields.ts";
import { Stats64Schema } from "./link_record.ts";

export const StatsRecordSchema = builtLater(() =>
  v.object({
    ifname: v.string(),
    stats64: Stats64Schema,
    drops: counters,
    /** All other counters of the interface and of its port. */
    counters,
  })
);
export type StatsRecord = v.InferOutput<typeof StatsRecordSchema>;
