/** Converts failed system calls to errors. */

import { errno } from "../../ffi/libc.ts";
import { errnoText } from "../base/errno.ts";
import { IpoibError, type IpoibErrorDetails } from "../base/errors.ts";

/**
 * Returns the error of the call that just failed in this thread, with the message `Cannot ACTION: TEXT`. The errno in
 * `details` takes precedence over the thread's errno.
 */
export function lastError(
  code: string,
  action: string,
  details: IpoibErrorDetails = {},
): IpoibError {
  const value = details.errno ?? errno();
  return new IpoibError(code, `Cannot ${action}: ${errnoText(value)}`, {
    ...details,
    errno: value,
  });
}

/** Returns `result`, or throws {@linkcode lastError} if it is negative. */
export function unwrap(result: number, code: string, action: string): number {
  if (result < 0) throw lastError(code, action);
  return result;
}
