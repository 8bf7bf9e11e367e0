/** Runs a sweep: the repeats, in each repeat the settings in turn, and at each setting the subjects in turn. */

import { IpoibError } from "../../src/base/errors.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Tools } from "./measurement.ts";
import { figure } from "./report.ts";
import type { Subject } from "./subject.ts";
import type { Setting, Sweep, SweepResult } from "./sweep.ts";
import { warmUp } from "./warm_up.ts";

/** Options of a run. */
export interface SweepOptions extends Tools {
  readonly repeats: number;
  /** Folder for the files of the subjects. */
  readonly folder: string;
  /** Prints each result. */
  readonly say: (line: string) => void;
}

/** Runs a sweep. The value of a failed measurement is NaN. */
export async function runSweep(
  sweep: Sweep,
  options: SweepOptions,
  cleanup: Cleanup,
): Promise<SweepResult> {
  const { name, parameter, settings, quantities } = sweep;
  const { repeats } = options;
  const subjects: Subject[] = [];
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    await Promise.all(subjects.map((subject) => subject.close()));
  };
  cleanup.add(close);
  try {
    await sweep.start(subjects, options.folder);
    const result = quantities.map((quantity) =>
      settings.map(() => ({
        ...quantity,
        values: {} as Record<string, number[]>,
      }))
    );
    const total = repeats * settings.length * subjects.length;
    let done = 0;
    for (let repeat = 1; repeat <= repeats; repeat++) {
      for (const [i, setting] of settings.entries()) {
        for (const subject of subjects) {
          const head = `${++done}/${total} ${name}, ${parameter} ${setting}, ` +
            `${subject.name}, repeat ${repeat} of ${repeats}`;
          const values = await measure(sweep, subject, setting, options, head);
          result.forEach((series, of) =>
            (series[i]!.values[subject.name] ??= []).push(values[of]!)
          );
        }
      }
    }
    return result;
  } finally {
    await close();
  }
}

async function measure(
  sweep: Sweep,
  subject: Subject,
  setting: Setting,
  { say, pps, seconds }: SweepOptions,
  head: string,
): Promise<number[]> {
  const { quantities } = sweep;
  try {
    await sweep.set?.(subject, setting);
    await warmUp(subject, pps);
    const values = await sweep.measure(subject, { pps, seconds }, setting);
    const text = values.map((value, i) =>
      `${quantities[i]!.name} ${figure(value)} ${quantities[i]!.unit}`
    );
    say(`${head}: ${text.join(", ")}`);
    return values;
  } catch (error) {
    say(`${head} failed: ${IpoibError.from(error).message.trim()}`);
    return quantities.map(() => NaN);
  }
}
