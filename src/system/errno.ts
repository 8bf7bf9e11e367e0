/** Errno values by name, and the one place that turns a failed call into an error. */

import { errno } from "../../ffi/libc.ts";
import { IpoibError, type IpoibErrorDetails } from "../base/errors.ts";

/** The errno values that the program speaks of, as Linux numbers them. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  EPIPE: 32,
  ENOSYS: 38,
  ELOOP: 40,
  ENOTUNIQ: 76,
  EBADFD: 77,
  EMSGSIZE: 90,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

const texts: Record<number, string> = {
  1: "Operation not permitted",
  2: "No such file or directory",
  3: "No such process",
  4: "Interrupted system call",
  5: "Input/output error",
  6: "No such device or address",
  9: "Bad file descriptor",
  11: "Resource temporarily unavailable",
  12: "Cannot allocate memory",
  13: "Permission denied",
  16: "Device or resource busy",
  17: "File exists",
  19: "No such device",
  22: "Invalid argument",
  23: "Too many open files in system",
  24: "Too many open files",
  27: "File too large",
  28: "No space left on device",
  30: "Read-only file system",
  32: "Broken pipe",
  34: "Numerical result out of range",
  38: "Function not implemented",
  40: "Too many levels of symbolic links",
  76: "Name not unique on network",
  77: "File descriptor in bad state",
  90: "Message too long",
  93: "Protocol not supported",
  95: "Operation not supported",
  98: "Address already in use",
  99: "Cannot assign requested address",
  101: "Network is unreachable",
  103: "Software caused connection abort",
  104: "Connection reset by peer",
  105: "No buffer space available",
  110: "Connection timed out",
  111: "Connection refused",
  113: "No route to host",
};

/** What `strerror(3)` says, for the values above. */
export function errnoText(value: number): string {
  return texts[value] ?? `error ${value}`;
}

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
