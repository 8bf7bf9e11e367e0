/** Answers a shell that completes a command line. */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { CliEnvironment } from "../environment.ts";
import { Exit } from "../errors.ts";
import type { Candidate } from "./candidates.ts";
import { complete } from "./complete.ts";
import { SHELLS } from "./shells.ts";

/** The characters of words that need no quoting in any shell. */
const PLAIN = /^[\w.,:@%+=/-]+$/;

/**
 * Prints the words that complete a command line: the answer to `ipoib __complete SHELL ...`. Returns the exit code, 1 if
 * the shell is to complete the name of a file. Prints no errors, which would disturb the command line.
 */
export async function answer(
  [name = "", ...args]: readonly string[],
  program: CommandUnknownOpts,
  environment: CliEnvironment,
): Promise<number> {
  const shell = Object.hasOwn(SHELLS, name) ? SHELLS[name] : undefined;
  if (!shell) return Exit.Usage;
  let found: readonly Candidate[] | "files";
  try {
    found = await complete(shell.words(args), program, environment);
  } catch {
    return Exit.Ok;
  }
  if (found === "files") return Exit.Usage;
  const lines = found.filter(({ word }) => PLAIN.test(word))
    .map((candidate) => `${shell.line(candidate, args)}\n`);
  environment.out(lines.join(""));
  return Exit.Ok;
}
