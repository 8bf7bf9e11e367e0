/** Interface of a measurement in virtual machines, which runs only if selected by name. */

import type { Column, Quantity } from "../report.ts";

/**
 * Time of the traffic that precedes a measurement. Its first seconds are slower: an emulated processor takes long to
 * compile the hot code.
 */
export const WARM_UP_SECONDS = 10;

/** Returns the values of the stage's quantities in order. */
export type Measure = (seconds: number) => Promise<number[]>;

/** Measurements of subjects with one configuration of the machines. */
export interface Stage {
  readonly quantities: readonly Quantity[];
  readonly subjects: Readonly<Record<string, Measure>>;
  /** Configures the machines, and warms up the subjects if needed. */
  prepare(): Promise<void>;
}

/** A measurement in virtual machines. */
export interface GuestMeasurement {
  /** Name for `--only`. */
  readonly name: string;
  readonly columns: readonly Column[];
  /** Programs of the host that the measurement needs, and their Debian packages. */
  readonly packages: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
  /** Boots the machines. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Runs each subject for {@linkcode WARM_UP_SECONDS}. */
export async function warmUp(subjects: Stage["subjects"]): Promise<void> {
  for (const measure of Object.values(subjects)) await measure(WARM_UP_SECONDS);
}
