/** Record of the method `upgrade`. */

import * as v from "valibot";
import { builtLater } from "./fields.ts";

export const UpgradeRecordSchema = builtLater(() =>
  v.object({
    pid: v.number(),
    version: v.string(),
    /** Path of the socket at which the new process takes over, for a minute (daemon/restart/hand_over.ts). */
    socket: v.string(),
    /** Arguments of `ipoib` with which the new process is started. */
    command: v.array(v.string()),
    /** Path of the log file of a process in the background. */
    log: v.exactOptional(v.string()),
    /** The unit that supervises the process, if its manager is notified: its invocation, and its name if known. */
    unit: v.exactOptional(
      v.object({ invocation: v.string(), name: v.exactOptional(v.string()) }),
    ),
  })
);
export type UpgradeRecord = v.InferOutput<typeof UpgradeRecordSchema>;
