/** What the parts of the campaign have in common. */

import type { Cleanup } from "../cleanup.ts";

export interface PartOptions {
  /** How long the part may take, in minutes. */
  readonly minutes: number;
  readonly seed: number;
  /** Only what has one of these names; all if empty. */
  readonly only: readonly string[];
  /** Says something while it runs. */
  readonly say: (line: string) => void;
  readonly cleanup: Cleanup;
}

/** One line of the table: what was tried, how often, and what failed. */
export interface Row {
  readonly what: string;
  readonly times: number;
  readonly failures: readonly string[];
  /** More to say. */
  readonly note?: string;
}

/** A part: the rows of its table. */
export type Part = (options: PartOptions) => Promise<Row[]>;
