/** Runs a measurement in virtual machines: its stages in order, and in each repeat of a stage the subjects in turn. */

import { IpoibError } from "../../../src/base/errors.ts";
import type { Cleanup } from "../../cleanup.ts";
import type { Options } from "../options.ts";
import { figure, type TableResult } from "../report.ts";
import type { GuestMeasurement, Measure, Stage } from "./guest_measurement.ts";

type Times = Pick<Options, "repeats" | "seconds">;
type Say = (line: string) => void;

/** Boots the machines, measures, and stops them. `say` prints each result. */
export async function runGuests(
  measurement: GuestMeasurement,
  times: Times,
  say: Say,
  cleanup: Cleanup,
): Promise<TableResult> {
  const { name, columns, stages } = measurement;
  const outcome: TableResult = { series: [], columns, failures: [] };
  const started = measurement.start();
  let stopped: Promise<void> | undefined;
  // Waits for an unfinished start; a failed start leaves no machines.
  const stop = () =>
    stopped ??= started.then(() => measurement.stop(), () => {});
  cleanup.add(stop);
  const failed = (what: string, error: unknown) => {
    const { message } = IpoibError.from(error);
    const sentence = `${what} failed: ${message.trim()}`;
    outcome.failures.push(sentence);
    say(sentence);
  };
  try {
    await started;
    for (const stage of stages) {
      await stage.prepare();
      await measureStage(stage, times, outcome, say, failed);
    }
  } catch (error) {
    // The results of earlier stages remain valid.
    failed(name, error);
  } finally {
    await stop();
  }
  return outcome;
}

async function measureStage(
  { quantities, subjects }: Stage,
  { repeats, seconds }: Times,
  { series }: TableResult,
  say: Say,
  failed: (what: string, error: unknown) => void,
): Promise<void> {
  const own = quantities.map((quantity) => ({
    ...quantity,
    values: Object.fromEntries(
      Object.keys(subjects).map((subject): [string, number[]] => [subject, []]),
    ),
  }));
  series.push(...own);
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const [subject, measure] of Object.entries(subjects)) {
      const head = `${repeat}/${repeats} ${subject}`;
      const values = await valuesOf(measure, seconds, (error) =>
        failed(head, error)) ??
        quantities.map(() => NaN);
      own.forEach((each, i) => each.values[subject]!.push(values[i]!));
      const text = quantities.map(({ name, unit }, i) =>
        `${name}: ${figure(values[i]!)} ${unit}`
      );
      say(`${head}, ${text.join("  ")}`);
    }
  }
}

async function valuesOf(
  measure: Measure,
  seconds: number,
  failed: (error: unknown) => void,
): Promise<number[] | undefined> {
  try {
    return await measure(seconds);
  } catch (error) {
    failed(error);
    return undefined;
  }
}
