/** Record of an event of an interface or its port, or of the manager of an embedded subnet. */

import * as v from "valibot";
import type { EventRecord } from "../../base/events.ts";
import { builtLater, count } from "./fields.ts";

/** Kinds and names are any text, because a process of a later version may have further ones. */
export const EventRecordSchema = builtLater(() =>
  v.object({
    "time_ms": v.number(),
    ifname: v.string(),
    namespace: v.exactOptional(count),
    kind: v.string(),
    event: v.string(),
    subject: v.string(),
    old: v.exactOptional(v.string()),
    new: v.exactOptional(v.string()),
    cause: v.exactOptional(v.string()),
  }) satisfies v.GenericSchema<EventRecord>
);
export type { EventRecord };
