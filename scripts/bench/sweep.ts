/** A sweep: a measurement at each setting of a parameter, drawn as curves. */

import type { Tools } from "./measurement.ts";
import type { Quantity, Series } from "./report.ts";
import type { Subject } from "./subject.ts";

/** A quantity of a sweep. */
export interface SweepQuantity extends Quantity {
  /** True if the chart has a panel for it. All quantities are in the table. */
  readonly drawn: boolean;
}

/** A value of the parameter. */
export type Setting = number | string;

export interface Sweep {
  /** Name for `--only` and of the chart's file. */
  readonly name: string;
  /** What is measured, with its fixed parameters. */
  readonly title: string;
  /** Name of the parameter. */
  readonly parameter: string;
  readonly settings: readonly Setting[];
  readonly quantities: readonly SweepQuantity[];
  /** Starts the subjects. After an error `subjects` contains those started before it. */
  start(subjects: Subject[], folder: string): Promise<void>;
  /** Applies a setting to a subject. */
  set?(subject: Subject, setting: Setting): Promise<void>;
  /** Returns the values of the quantities in order. */
  measure(
    subject: Subject,
    tools: Tools,
    setting: Setting,
  ): Promise<number[]>;
}

/** Results of a sweep: the series of each quantity, at each setting. */
export type SweepResult = readonly (readonly Series[])[];
