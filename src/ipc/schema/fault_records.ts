/**
 * Records of packet faults, port operations and partition reloads of an embedded subnet.
 *
 * Percentages are from 0 to 100, times in milliseconds, rates in megabits per second. The members and bounds of a rule
 * are those of the manager's rules (subnet/fault_messages.ts), which a test checks.
 */

import * as v from "valibot";
import { builtLater, shortText, u16, u32 } from "./fields.ts";

const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100));
/** Maximum delay, in milliseconds. */
export const MAX_DELAY_MS = 60_000;
/** Maximum rate, in megabits per second. */
export const MAX_RATE_MBPS = 1_000_000;
const delay = v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_DELAY_MS));
const portGuid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));

const fields = {
  /** GUID of the sending port. If absent, the rule applies to every port without its own rule. */
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

/** Parameters of `fault set`: one rule. */
export const FaultRequestSchema = builtLater(() => v.strictObject(fields));
export type FaultRequest = v.InferOutput<typeof FaultRequestSchema>;

/** Formats a rule as the arguments of `ipoib subnet fault set`. */
export function ruleWords(rule: FaultRequest): string {
  const words: string[] = [];
  const add = (word: string, value: number | undefined, unit: string) => {
    if (value !== undefined) words.push(`${word} ${value}${unit}`);
  };
  add("drop", rule.drop, "%");
  add("delay", rule.delay, "ms");
  add("jitter", rule.jitter, "ms");
  add("duplicate", rule.duplicate, "%");
  add("reorder", rule.reorder, "%");
  add("rate", rule.rate, "mbit");
  add("seed", rule.seed, "");
  return words.join(" ");
}

export const FaultClearSchema = builtLater(() =>
  v.strictObject({
    port: v.exactOptional(portGuid),
  })
);

/** Result of the fault methods: all rules. */
export const FaultRecordSchema = builtLater(() =>
  v.object({
    version: v.number(),
    rules: v.array(v.object(fields)),
    /** Ports that have not applied these rules, for example because their process is stopped. */
    waiting: v.array(v.object({ lid: u16, name: v.string() })),
  })
);
export type FaultRecord = v.InferOutput<typeof FaultRecordSchema>;

/** An operation on a port. */
export const PortOperationSchema = builtLater(() =>
  v.variant("action", [
    v.strictObject({
      port: portGuid,
      action: v.picklist(["down", "up", "reregister"]),
    }),
    v.strictObject({
      port: portGuid,
      action: v.literal("lid"),
      /** If absent, the manager assigns the next free LID. */
      lid: v.exactOptional(u16),
    }),
    v.strictObject({
      port: portGuid,
      action: v.literal("pkeys"),
      /** The P_Key table. If absent, the manager restores the table defined by the partitions. */
      pkeys: v.exactOptional(
        v.pipe(v.array(u16), v.minLength(1), v.maxLength(1024)),
      ),
    }),
  ])
);
export type PortOperation = v.InferOutput<typeof PortOperationSchema>;

/** Result of a reload of the partitions. */
export const ReloadRecordSchema = builtLater(() =>
  v.object({
    /** The file that was read; absent for the built-in partitions. */
    file: v.exactOptional(shortText),
    partitions: v.number(),
    /** Number of ports whose P_Key table has changed. */
    ports: v.number(),
    /** Warnings about statements of the file that have no effect. */
    warnings: v.array(v.string()),
  })
);
export type ReloadRecord = v.InferOutput<typeof ReloadRecordSchema>;
