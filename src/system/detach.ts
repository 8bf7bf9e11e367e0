/** Detaches the process from its terminal: starts a new session and redirects standard error to a file. */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";
import { descriptorTarget, type Fd } from "./fd.ts";
import { openRegular } from "./regular_file.ts";

const STDERR = 2;
const O_CLOEXEC = 0x80000;
/** Highest descriptor searched for copies of standard error. The runtime makes them at its start, so they are low. */
const MAX_COPIES = 256;

/** Starts a new session without a controlling terminal (setsid(2)). Does nothing for a process group leader. */
export function beginSession(): void {
  libc().setsid();
}

/** Opens a log file for appending, for {@linkcode redirectStderr}. Throws `E_LOG_FILE`. */
export function openLog(path: string): Fd {
  return openRegular(path, "E_LOG_FILE", {
    access: "write",
    create: true,
    append: true,
  });
}

/** Redirects standard error of all threads to `file`. Throws `E_LOG_FILE`. */
export function redirectStderr(file: Fd): void {
  const old = descriptorTarget(STDERR);
  // The runtime writes to copies of the descriptor, so each copy is replaced.
  for (let fd = MAX_COPIES; fd > STDERR; fd--) {
    if (descriptorTarget(fd) === old) libc().dup3(file.number, fd, O_CLOEXEC);
  }
  unwrap(
    libc().dup3(file.number, STDERR, 0),
    "E_LOG_FILE",
    "write to the log",
  );
}
