/** Interface of the parts. */

import type { Cleanup } from "../cleanup.ts";

/** Options of a part. */
export interface PartOptions {
  /** Maximum duration in minutes. */
  readonly minutes: number;
  readonly seed: number;
  /** Names of the targets, disturbances or scenarios to run; empty for all. */
  readonly only: readonly string[];
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
  readonly cleanup: Cleanup;
}

/** A line of the table: the name of the test, the number of attempts, and the failures. */
export interface Row {
  readonly what: string;
  readonly times: number;
  readonly failures: readonly string[];
  /** Additional text. */
  readonly note?: string;
}

/** Runs a part and returns the rows of its table. */
export type Part = (options: PartOptions) => Promise<Row[]>;
