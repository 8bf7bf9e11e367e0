/** Options of `deno task bench`. */

import { parseArgs } from "@std/cli/parse-args";
import type { EngineMeasurement } from "./engine/engine_measurement.ts";
import type { GuestMeasurement } from "./guests/guest_measurement.ts";
import type { Measurement } from "./measurement.ts";

/** The measurements to choose from, or the chosen ones. */
export interface Choice {
  /** Measurements that run by default, except those on request. */
  readonly measurements: readonly Measurement[];
  /** Measurements of the engine alone, which run by default. */
  readonly engineMeasurements: readonly EngineMeasurement[];
  /** Measurements that run only if selected by name. */
  readonly guestMeasurements: readonly GuestMeasurement[];
}

export interface Options extends Choice {
  readonly repeats: number;
  /** Duration of a measurement in whole seconds, as iperf3 requires. */
  readonly seconds: number;
  /** Path of the JSON file to write. */
  readonly json?: string;
  /** Path of another version's tree, with a final `/`. */
  readonly beside?: string;
}

/** Returns the usage message. */
export function usage(
  { measurements, engineMeasurements, guestMeasurements }: Choice,
): string {
  const names = (all: readonly { name: string }[], between: string) =>
    all.map(({ name }) => name).join(between);
  const onRequest = measurements.filter(({ onRequest }) => onRequest);
  return "Usage: deno task bench [--repeats N] [--seconds S] [--json FILE] [--beside TREE] " +
    `[--only ${
      names([...measurements, ...engineMeasurements, ...guestMeasurements], "|")
    }]...\n` +
    `${
      names([...onRequest, ...guestMeasurements], " and ")
    } take long and run only if selected by name`;
}

/** Parses the arguments. Returns undefined if they are invalid. `--only` may occur several times. */
export function optionsOf(
  args: readonly string[],
  { measurements, engineMeasurements, guestMeasurements }: Choice,
): Options | undefined {
  let known = true;
  const parsed = parseArgs(args, {
    string: ["repeats", "seconds", "json", "beside", "only"],
    collect: ["only"],
    default: { repeats: "5", seconds: "5" },
    unknown: () => known = false,
  });
  const repeats = Number(parsed.repeats);
  const seconds = Number(parsed.seconds);
  const only = parsed.only as string[];
  const named = ({ name }: { name: string }) => only.includes(name);
  const whole = [repeats, seconds].every((each) =>
    Number.isInteger(each) && each >= 1
  );
  const all = [
    ...measurements,
    ...engineMeasurements,
    ...guestMeasurements,
  ];
  const found = all.filter(named).length === new Set(only).size;
  if (!known || !whole || !found) return undefined;
  const chosen = <T extends { name: string; onRequest?: boolean }>(
    each: readonly T[],
  ) => each.filter(only.length === 0 ? ({ onRequest }) => !onRequest : named);
  return {
    repeats,
    seconds,
    measurements: chosen(measurements),
    engineMeasurements: chosen(engineMeasurements),
    guestMeasurements: guestMeasurements.filter(named),
    ...(parsed.json === undefined ? {} : { json: String(parsed.json) }),
    ...(parsed.beside === undefined
      ? {}
      : { beside: folderOf(String(parsed.beside)) }),
  };
}

/** Returns the path with a final `/`. */
function folderOf(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}
