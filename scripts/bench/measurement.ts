/** Interface of a measurement. */

import type { Quantity } from "./report.ts";
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
  /** Number of ends of the required network. */
  readonly ends: number;
  readonly quantities: readonly Quantity[];
  /** Returns whether the measurement applies to a subject. Default: true. */
  suits?(subject: Subject): boolean;
  /** Returns the values of the quantities in order. */
  measure(subject: Subject, tools: Tools): Promise<number[]>;
}
