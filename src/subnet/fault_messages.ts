/**
 * Messages for packet faults: the manager sends its settings to every port, and a port confirms that it applies them.
 * After a takeover the new manager gets the settings from the port of its own process.
 *
 * Settings replace earlier settings as a whole, so a port needs only the newest version. The sending port selects the
 * packets (hca/soft/fault_decisions.ts); the manager only distributes the settings.
 */

import * as v from "valibot";

const guid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));
const u32 = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(0xffffffff),
);
const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100));
/** Maximum delay, in milliseconds. */
const MAX_DELAY_MS = 60_000;
const delay = v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_DELAY_MS));
/** Maximum rate, in megabits per second. */
const MAX_RATE_MBPS = 1_000_000;
/** Maximum version. The version after it is 1. */
export const MAX_VERSION = 0x7fffffff;
const version = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(MAX_VERSION),
);

/** Faults of the packets that a port sends. */
const FaultRuleSchema = v.object({
  /** GUID of the sending port. If absent, the rule applies to every port without its own rule. */
  port: v.exactOptional(guid),
  /** Version of the settings that added the rule. A rule that is set again has a new version and new packet numbers. */
  since: version,
  seed: u32,
  /** Percentage of packets that are dropped. */
  drop: v.exactOptional(percent),
  /** Delay of every packet in milliseconds, plus or minus a random part of `jitter`. */
  delay: v.exactOptional(delay),
  jitter: v.exactOptional(delay),
  /** Percentage of packets that are sent twice. */
  duplicate: v.exactOptional(percent),
  /** Percentage of packets that are sent after their successor on the same link. */
  reorder: v.exactOptional(percent),
  /** Megabits per second on each link. */
  rate: v.exactOptional(
    v.pipe(v.number(), v.gtValue(0), v.maxValue(MAX_RATE_MBPS)),
  ),
});
export type FaultRule = v.InferOutput<typeof FaultRuleSchema>;

/** Maximum number of rules of a subnet. They are sent in one frame. */
export const MAX_RULES = 128;

/** All rules of the subnet: at most one for each port, and one for all other ports. */
const FaultSettingsSchema = v.object({
  /** Number of the change, from 1 to {@linkcode MAX_VERSION}; 0 before the first change. */
  version,
  rules: v.pipe(v.array(FaultRuleSchema), v.maxLength(MAX_RULES)),
});
export type FaultSettings = v.InferOutput<typeof FaultSettingsSchema>;

/** Sent to every port after each change, and to a new port if there was a change. */
export const FaultsSchema = v.object({
  type: v.literal("faults"),
  settings: FaultSettingsSchema,
});
export type Faults = v.InferOutput<typeof FaultsSchema>;

/** A port's confirmation that it applies the settings of a version. */
export const FaultsTakenSchema = v.object({
  type: v.literal("faults_taken"),
  version,
});
export type FaultsTaken = v.InferOutput<typeof FaultsTakenSchema>;

/** Initial settings of a subnet: no faults. */
export const NO_FAULTS: FaultSettings = Object.freeze({
  version: 0,
  rules: [],
});

/** Returns the rule that applies to the port with this GUID. */
export function ruleFor(
  settings: FaultSettings,
  port: string,
): FaultRule | undefined {
  return settings.rules.find((rule) => rule.port === port) ??
    settings.rules.find((rule) => rule.port === undefined);
}
