/** From errors to exit codes and lines on standard error. */

import { IpoibError } from "../base/errors.ts";

/** Exit codes, as documented. */
export const Exit = {
  Ok: 0,
  /** Wrong arguments, or several interfaces to choose from. */
  Usage: 1,
  /** Refused by the daemon or the kernel. */
  Refused: 2,
  NotRunning: 3,
} as const;

const CODES: Record<string, number> = {
  E_USAGE: Exit.Usage,
  E_AMBIGUOUS: Exit.Usage,
  E_NAME: Exit.Usage,
  E_NOT_RUNNING: Exit.NotRunning,
  E_IPC_CLOSED: Exit.NotRunning,
};

/** The exit code that an error means. */
export function exitCode(error: IpoibError): number {
  return CODES[error.code] ?? Exit.Refused;
}

/** The line for standard error. */
export function errorLine(error: IpoibError): string {
  const hint = error.hint === undefined ? "" : ` (${error.hint})`;
  return `ipoib: ${error.message}${hint}\n`;
}

/** Wrong arguments that the parser of the command line cannot know of. */
export function usageError(message: string, hint?: string): IpoibError {
  return new IpoibError(
    "E_USAGE",
    message,
    hint === undefined ? {} : { hint },
  );
}
