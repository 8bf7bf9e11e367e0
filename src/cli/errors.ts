/** Converts errors to exit codes and to lines on standard error. */

import { IpoibError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";

/** Exit codes of the program. */
export const Exit = {
  Ok: 0,
  /** Invalid arguments, or an ambiguous interface, subnet or port. */
  Usage: 1,
  /** The daemon or the kernel refused the request. */
  Refused: 2,
  /** No process serves the request, or the process exited before it replied. */
  NotRunning: 3,
  /** `ipoib doctor` has warnings, but no failures. */
  Warnings: 4,
  /** `ipoib doctor` has failures. */
  Failures: 5,
} as const;

const CODES: Record<string, number> = {
  E_USAGE: Exit.Usage,
  E_AMBIGUOUS: Exit.Usage,
  E_NAME: Exit.Usage,
  E_FILTER: Exit.Usage,
  E_CONFIG: Exit.Usage,
  E_CONFIG_READ: Exit.Usage,
  E_NOT_RUNNING: Exit.NotRunning,
  E_IPC_CLOSED: Exit.NotRunning,
};

/** Returns the exit code for an error. */
export function exitCode(error: IpoibError): number {
  return CODES[error.code] ?? Exit.Refused;
}

/** Formats an error as one line for standard error. */
export function errorLine(error: IpoibError): string {
  const hint = error.hint === undefined ? "" : ` (${error.hint})`;
  return `ipoib: ${printable(error.message + hint)}\n`;
}

/** Returns an `E_USAGE` error, for invalid arguments that commander does not detect. */
export function usageError(message: string, hint?: string): IpoibError {
  return new IpoibError(
    "E_USAGE",
    message,
    hint === undefined ? {} : { hint },
  );
}
