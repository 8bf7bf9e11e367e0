/** The shape of a measurement in virtual machines: nobody makes it unless asked for it by name. */

import type { Column, Quantity } from "../report.ts";

/** The values of the stage's quantities, in order. */
export type Measure = (seconds: number) => Promise<number[]>;

/** Subjects on one setting of the machines. */
export interface Stage {
  readonly quantities: readonly Quantity[];
  readonly subjects: Readonly<Record<string, Measure>>;
  /** Makes the setting, and warms up what does not by itself. */
  prepare(): Promise<void>;
}

/** See above. */
export interface GuestMeasurement {
  /** What `--only` calls it. */
  readonly name: string;
  readonly columns: readonly Column[];
  /** Programs of the host that it runs in the machines, and the Debian package of each. */
  readonly packages: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
  /** Boots the machines. */
  start(): Promise<void>;
  stop(): Promise<void>;
}
