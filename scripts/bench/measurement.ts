/** Interface of a measurement. */

import type { Column, Quantity } from "./report.ts";
import type { Subject } from "./subject.ts";

/** Parameters of every measurement. */
export interface Tools {
  /** Path of the compiled datagram program (pps.c). */
  readonly pps: string;
  /** Duration of each measurement. */
  readonly seconds: number;
}

/** A measurement of a subject, which is up, warm and idle before and afterwards. */
export interface Measurement {
  /** Name for `--only`. */
  readonly name: string;
  /** True if it takes so long that it runs only if selected by name. */
  readonly onRequest?: boolean;
  /** Number of ends of the required network. */
  readonly ends: number;
  readonly quantities: readonly Quantity[];
  /** The subjects of a measurement that does not compare those of the benchmark. */
  readonly own?: {
    /** Starts the subjects. After an error `subjects` contains those started before it. */
    start(subjects: Subject[], folder: string): Promise<void>;
    readonly columns: readonly Column[];
  };
  /** Returns whether the measurement applies to a subject. Default: true. */
  suits?(subject: Subject): boolean;
  /** Returns the values of the quantities in order. */
  measure(subject: Subject, tools: Tools): Promise<number[]>;
}
