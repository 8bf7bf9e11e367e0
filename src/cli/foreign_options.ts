/**
 * Options of another program that a command imitates without them. They are refused by name: otherwise they would be
 * read as options of all commands that have the same letter.
 */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";

/** Why an option is refused. */
export interface Refusal {
  readonly message: string;
  readonly hint?: string;
  /** Default: that of invalid arguments. */
  readonly exitCode?: number;
}

/** Returns why an option is refused, if it is. `first` is true if no word of the command precedes it. */
type Refuse = (flag: string, first: boolean) => Refusal | undefined;

const declared = new WeakMap<CommandUnknownOpts, Refuse>();

/** Declares which options a command refuses, and returns the command. */
export function refuseOptions<C extends object>(
  command: C,
  refuse: Refuse,
): C {
  declared.set(command as unknown as CommandUnknownOpts, refuse);
  return command;
}

/** Ends the parser with an error if the command refuses the option. */
export function checkOption(
  command: CommandUnknownOpts,
  flag: string,
  first: boolean,
): void {
  const refusal = declared.get(command)?.(flag, first);
  if (!refusal) return;
  const { message, hint, exitCode = 1 } = refusal;
  command.error(
    `error: ${message}${hint === undefined ? "" : `\n${hint}`}`,
    { exitCode },
  );
}
