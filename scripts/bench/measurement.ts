/** The shape of a measurement. */

import type { Quantity } from "./report.ts";
import type { Subject } from "./subject.ts";

/** What every measurement is given. */
export interface Tools {
  /** The datagram program (pps.c), compiled. */
  readonly pps: string;
  /** How long each measurement goes on. */
  readonly seconds: number;
}

/** Takes a subject that is up, warm and idle, and leaves it so. */
export interface Measurement {
  /** What `--only` calls it. */
  readonly name: string;
  /** Ends of the network that it needs. */
  readonly ends: number;
  readonly quantities: readonly Quantity[];
  /** Whether it means something for a subject; any, if absent. */
  suits?(subject: Subject): boolean;
  /** The values of the quantities, in order. */
  measure(subject: Subject, tools: Tools): Promise<number[]>;
}
