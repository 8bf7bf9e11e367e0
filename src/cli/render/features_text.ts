/** Output of `ethtool -k` and `ethtool -K`: the features of Linux 6.1, in the layout and order of ethtool. */

import { printable } from "../../base/printable.ts";
import type { FeatureRecord } from "../../ipc/schema.ts";
import {
  FEATURE_FLAGS,
  type FeatureRequest,
  KERNEL_FEATURES,
} from "../ethtool_features.ts";

/** State of a feature in JSON. */
interface State {
  readonly active: boolean;
  /** Null for a group. */
  readonly fixed: boolean | null;
  /** Null for a group. */
  readonly requested: boolean | null;
}

/** State of a feature that the daemon does not report. */
const ABSENT: State = { active: false, fixed: true, requested: false };

interface Line {
  readonly name: string;
  readonly state: State;
  readonly member: boolean;
}

/** Features that have no name of ethtool, in the kernel's order. */
const OTHERS = KERNEL_FEATURES.filter((name) =>
  !FEATURE_FLAGS.some(({ members }) => members.includes(name))
);

function linesOf(features: readonly FeatureRecord[]): Line[] {
  const byName = new Map<string, State>(
    features.map(({ name, active, fixed, requested }) => [
      name,
      { active, fixed, requested },
    ]),
  );
  const line = (name: string, kernel = name, member = false): Line => ({
    name,
    state: byName.get(kernel) ?? ABSENT,
    member,
  });
  const flags = FEATURE_FLAGS.flatMap(({ long, members }) => {
    if (members.length === 0) return [];
    if (members.length === 1) return [line(long, members[0])];
    const lines = members.map((name) => line(name, name, true));
    const active = lines.some(({ state }) => state.active);
    const state = { active, fixed: null, requested: null };
    return [{ name: long, state, member: false }, ...lines];
  });
  return [...flags, ...OTHERS.map((name) => line(name))];
}

const onOff = (on: boolean) => on ? "on" : "off";

/** Formats features as `ethtool -k`. */
export function renderFeatures(
  ifname: string,
  features: readonly FeatureRecord[],
): string {
  const lines = linesOf(features).map(({ name, state, member }) => {
    const { active, fixed, requested } = state;
    const note = fixed
      ? " [fixed]"
      : requested !== null && requested !== active
      ? ` [requested ${onOff(requested)}]`
      : "";
    return `${member ? "\t" : ""}${name}: ${onOff(active)}${note}\n`;
  });
  return `Features for ${printable(ifname)}:\n${lines.join("")}`;
}

/** Converts features to JSON: the state of each feature by its name. */
export function featuresJson(
  features: readonly FeatureRecord[],
): Record<string, State> {
  return Object.fromEntries(
    linesOf(features).map(({ name, state }) => [name, state]),
  );
}

/** A feature that was changed, or that is not as requested. */
export interface FeatureChange {
  readonly name: string;
  readonly active: boolean;
  /** Null if the feature was not requested, but changed with another one. */
  readonly requested: boolean | null;
}

/** The outcome of a request. */
export interface FeatureOutcome {
  /** The changes, in the kernel's order; empty if the result is exactly what was requested. */
  readonly changes: readonly FeatureChange[];
  /** True if the request is empty, or if no requested feature is as requested. */
  readonly failed: boolean;
}

/** Compares the features before and after a request. */
export function featureOutcome(
  request: FeatureRequest,
  before: readonly FeatureRecord[],
  after: readonly FeatureRecord[],
): FeatureOutcome {
  const isActive = (features: readonly FeatureRecord[], name: string) =>
    features.find((each) => each.name === name)?.active ?? false;
  const unmet = (name: string) =>
    request.has(name) && request.get(name) !== isActive(after, name);
  const changed = (name: string) =>
    isActive(before, name) !== isActive(after, name);
  const names = KERNEL_FEATURES;
  const exact = !names.some((name) =>
    unmet(name) || changed(name) && !request.has(name)
  );
  const changes = exact ? [] : names
    .filter((name) => unmet(name) || changed(name))
    .map((name) => ({
      name,
      active: isActive(after, name),
      requested: request.get(name) ?? null,
    }));
  return { changes, failed: [...request.keys()].every(unmet) };
}

/** Formats the changes as `ethtool -K`. */
export function renderChanges(changes: readonly FeatureChange[]): string {
  if (changes.length === 0) return "";
  const lines = changes.map(({ name, active, requested }) => {
    const note = requested === null
      ? " [not requested]"
      : requested === active
      ? ""
      : ` [requested ${onOff(requested)}]`;
    return `${name}: ${onOff(active)}${note}\n`;
  });
  return `Actual changes:\n${lines.join("")}`;
}
