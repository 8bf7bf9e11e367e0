/** Words that may complete a command line, and where they come from. */

import type { CliEnvironment } from "../environment.ts";

/** A word, and its description in shells that show one. */
export interface Candidate {
  readonly word: string;
  readonly text?: string;
}

/** Where the words of a command line apply. */
export interface Where {
  readonly environment: CliEnvironment;
  /** The value of option `-n`. */
  readonly netns: string | undefined;
}

/** Returns the words for a place in the command line. May throw: then it has none. */
export type Source = (where: Where) => Candidate[] | Promise<Candidate[]>;

/** Words that the user chooses, such as names of new interfaces. */
export const NONE: Source = () => [];

/** Names of files, which the shell completes. */
export const FILES: Source = () => [];

/** Returns a source of fixed words. */
export function words(...fixed: readonly string[]): Source {
  return () => fixed.map((word) => ({ word }));
}

export const ON_OFF = words("on", "off");
