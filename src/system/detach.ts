/** A process that leaves its terminal: a session of its own, and standard error into a file. */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";
import { descriptorTarget, type Fd } from "./fd.ts";
import { openRegular } from "./regular_file.ts";

const STDERR = 2;
const O_CLOEXEC = 0x80000;
/** Standard error was copied when the process began, so its copies have low numbers. */
const MAX_COPIES = 256;

/** Begins a session without a terminal; a process that leads its group stays where it is. */
export function beginSession(): void {
  libc().setsid();
}

/** Opens a log for {@linkcode redirectStderr}, which appends to it; throws `E_LOG_FILE`. */
export function openLog(path: string): Fd {
  return openRegular(path, "E_LOG_FILE", {
    access: "write",
    create: true,
    append: true,
  });
}

/** From now on everything that any thread writes to standard error goes to `file`; throws `E_LOG_FILE`. */
export function redirectStderr(file: Fd): void {
  const old = descriptorTarget(STDERR);
  // The runtime writes to copies of the descriptor: each of them must change.
  for (let fd = MAX_COPIES; fd > STDERR; fd--) {
    if (descriptorTarget(fd) === old) libc().dup3(file.number, fd, O_CLOEXEC);
  }
  unwrap(
    libc().dup3(file.number, STDERR, 0),
    "E_LOG_FILE",
    "write to the log",
  );
}
