/**
 * Packet faults of an embedded subnet on its control socket, and operations on its ports.
 *
 * Percentages are 0 to 100, times milliseconds, rates megabits per second.
 */

import * as v from "valibot";
import { shortText, u16, u32 } from "./fields.ts";

const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100));
/** The longest delay, in milliseconds. */
export const MAX_DELAY_MS = 60_000;
/** The highest rate, in megabits per second. */
export const MAX_RATE_MBPS = 1_000_000;
const delay = v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_DELAY_MS));
const portGuid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));

const fields = {
  /** GUID of the sending port; absent: every port without a rule of its own. */
  port: v.exactOptional(portGuid),
  seed: u32,
  drop: v.exactOptional(percent),
  delay: v.exactOptional(delay),
  jitter: v.exactOptional(delay),
  duplicate: v.exactOptional(percent),
  reorder: v.exactOptional(percent),
  rate: v.exactOptional(
    v.pipe(v.number(), v.gtValue(0), v.maxValue(MAX_RATE_MBPS)),
  ),
};

/** What `fault set` asks for. */
export const FaultRequestSchema = v.strictObject(fields);
export type FaultRequest = v.InferOutput<typeof FaultRequestSchema>;

export const FaultClearSchema = v.strictObject({
  port: v.exactOptional(portGuid),
});

/** What `fault show` prints. */
export const FaultRecordSchema = v.object({
  version: v.number(),
  rules: v.array(v.object(fields)),
  /** Ports that do not follow these rules yet: stopped, perhaps. */
  waiting: v.array(v.object({ lid: u16, name: v.string() })),
});
export type FaultRecord = v.InferOutput<typeof FaultRecordSchema>;

/** An operation on a port. */
export const PortOperationSchema = v.variant("action", [
  v.strictObject({
    port: portGuid,
    action: v.picklist(["down", "up", "reregister"]),
  }),
  v.strictObject({
    port: portGuid,
    action: v.literal("lid"),
    /** Absent: the next free one. */
    lid: v.exactOptional(u16),
  }),
  v.strictObject({
    port: portGuid,
    action: v.literal("pkeys"),
    /** The P_Key table, in its order; absent: that of its partitions. */
    pkeys: v.exactOptional(
      v.pipe(v.array(u16), v.minLength(1), v.maxLength(1024)),
    ),
  }),
]);
export type PortOperation = v.InferOutput<typeof PortOperationSchema>;

/** What a reload of the partitions came to. */
export const ReloadRecordSchema = v.object({
  /** The file that was read; absent if there is none. */
  file: v.exactOptional(shortText),
  partitions: v.number(),
  /** Ports whose P_Key table is another one now. */
  ports: v.number(),
  /** What the file says that is not used, line by line. */
  warnings: v.array(v.string()),
});
export type ReloadRecord = v.InferOutput<typeof ReloadRecordSchema>;
