/** Measurements of the engine in one process, without kernel and HCA: the cost of a packet in nanoseconds. */

import { IpoibError } from "../../../src/base/errors.ts";
import type { Column, Series } from "../report.ts";

/** A measurement that runs in a process of its own, once per repeat. */
export interface EngineMeasurement {
  /** Name for `--only`. */
  readonly name: string;
  readonly columns: readonly Column[];
  /** Path of the program, which prints {@linkcode Values} as JSON. */
  readonly program: string;
  /** Prepares the arguments of the program in a temporary folder. */
  arguments(folder: string): Promise<string[]>;
}

/** Nanoseconds by row of the table and by subject. */
export type Values = Record<string, Record<string, number>>;

/** Runs the repeats of a measurement. `say` prints each result. */
export async function runEngine(
  measurement: EngineMeasurement,
  repeats: number,
  folder: string,
  say: (line: string) => void,
): Promise<Series[]> {
  const args = await measurement.arguments(folder);
  const series = new Map<
    string,
    Series & { values: Record<string, number[]> }
  >();
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const rows = await runOnce(measurement, args);
    for (const [name, row] of Object.entries(rows)) {
      let own = series.get(name);
      if (!own) {
        own = { name, unit: "ns", better: "less", values: {} };
        series.set(name, own);
      }
      for (const [subject, value] of Object.entries(row)) {
        (own.values[subject] ??= []).push(value);
      }
    }
    say(`${repeat}/${repeats} ${measurement.name}`);
  }
  return [...series.values()];
}

async function runOnce(
  { name, program }: EngineMeasurement,
  args: readonly string[],
): Promise<Values> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "--no-check", program, ...args],
    cwd: new URL("../../../", import.meta.url).pathname,
  }).output();
  if (!success) {
    const text = new TextDecoder().decode(stderr).trim();
    throw new IpoibError("E_BENCH", `Measurement ${name} failed: ${text}`);
  }
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Prints the result of a measurement's program. */
export function printValues(values: Values): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(values)));
}
