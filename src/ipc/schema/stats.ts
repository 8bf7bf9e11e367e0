/** What an interface counts. */

import * as v from "valibot";
import { counters } from "./fields.ts";
import { Stats64Schema } from "./link_record.ts";

export const StatsRecordSchema = v.object({
  ifname: v.string(),
  stats64: Stats64Schema,
  drops: counters,
  /** Everything else that is counted: the engine's and the port's counters. */
  counters,
});
export type StatsRecord = v.InferOutput<typeof StatsRecordSchema>;
