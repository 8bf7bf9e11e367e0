/**
 * Packet faults, as they travel: the manager sends its settings to every port, a port answers when it follows them. The next
 * manager has them from the port of its own process.
 *
 * A setting replaces the one before it as a whole, so a port needs the newest one (`version`) only. Which
 * packets are hit is decided in hca/soft/fault_fate.ts; the manager only passes the settings on.
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
/** The longest delay, in milliseconds. */
const MAX_DELAY_MS = 60_000;
const delay = v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_DELAY_MS));
/** The highest version; the next one is 1 again. */
export const MAX_VERSION = 0x7fffffff;
const version = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(MAX_VERSION),
);

/** What happens to the packets that a port sends. */
const FaultRuleSchema = v.object({
  /** GUID of the sending port; absent: every port that has no rule of its own. */
  port: v.exactOptional(guid),
  /** The version of the settings that brought the rule: a rule that was set anew begins to count packets anew. */
  since: version,
  seed: u32,
  /** Percent of the packets. */
  drop: v.exactOptional(percent),
  /** Milliseconds that every packet is held back, more or less by as much as `jitter`. */
  delay: v.exactOptional(delay),
  jitter: v.exactOptional(delay),
  /** Percent of the packets that go out twice. */
  duplicate: v.exactOptional(percent),
  /** Percent of the packets that go out after their successor on the same link. */
  reorder: v.exactOptional(percent),
  /** Megabits per second on each link. */
  rate: v.exactOptional(
    v.pipe(v.number(), v.gtValue(0), v.maxValue(1_000_000)),
  ),
});
export type FaultRule = v.InferOutput<typeof FaultRuleSchema>;

/** Rules of one subnet: they travel in one frame. */
export const MAX_RULES = 128;

/** Every rule of the subnet: at most one for each port and one for all the others. */
const FaultSettingsSchema = v.object({
  /** Another one with each change; 0 before the first. */
  version,
  rules: v.pipe(v.array(FaultRuleSchema), v.maxLength(MAX_RULES)),
});
export type FaultSettings = v.InferOutput<typeof FaultSettingsSchema>;

/** The manager's word to a port. */
export const FaultsSchema = v.object({
  type: v.literal("faults"),
  settings: FaultSettingsSchema,
});
export type Faults = v.InferOutput<typeof FaultsSchema>;

/** A port's answer: from now on its packets follow the settings of that version. */
export const FaultsTakenSchema = v.object({
  type: v.literal("faults_taken"),
  version,
});
export type FaultsTaken = v.InferOutput<typeof FaultsTakenSchema>;

/** No faults: what a subnet begins with. */
export const NO_FAULTS: FaultSettings = Object.freeze({
  version: 0,
  rules: [],
});

/** The rule that counts for the port with this GUID. */
export function ruleFor(
  settings: FaultSettings,
  port: string,
): FaultRule | undefined {
  return settings.rules.find((rule) => rule.port === port) ??
    settings.rules.find((rule) => rule.port === undefined);
}
