/** The one place that turns a failed system call into an error. */

import { errno } from "../../ffi/libc.ts";
import { errnoText } from "../base/errno.ts";
import { IpoibError, type IpoibErrorDetails } from "../base/errors.ts";

/** The error of a call that just failed in this thread: `action` completes "Cannot ...". */
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

/** Returns `result` unless it is negative; then throws {@linkcode lastError}. */
export function unwrap(result: number, code: string, action: string): number {
  if (result < 0) throw lastError(code, action);
  return result;
}
