/** Detaches the process from its terminal: starts a new session and redirects the standard streams. */

import { cString, libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";
import { descriptorTarget, Fd } from "./fd.ts";

export const STDOUT = 1;
const STDERR = 2;
const DESCRIPTORS = { stdout: STDOUT, stderr: STDERR } as const;
const O_WRONLY_CLOEXEC = 1 | 0x80000;
const O_CLOEXEC = 0x80000;
/** Highest descriptor searched for copies of a stream. The runtime makes them at its start, so they are low. */
const MAX_COPIES = 256;

/** Standard output or standard error. */
export type OutputStream = keyof typeof DESCRIPTORS;

/** Starts a new session without a controlling terminal (setsid(2)). Does nothing for a process group leader. */
export function beginSession(): void {
  libc().setsid();
}

/** Opens /dev/null for writing. Throws `E_REDIRECT`. */
export function openNull(): Fd {
  return new Fd(
    unwrap(
      libc().open(cString("/dev/null"), O_WRONLY_CLOEXEC, 0),
      "E_REDIRECT",
      "open /dev/null",
    ),
  );
}

/** Redirects a stream of all threads to `target`, a descriptor or another stream. Throws `E_REDIRECT`. */
export function redirect(
  stream: OutputStream,
  target: Fd | OutputStream,
): void {
  const to = typeof target === "string" ? DESCRIPTORS[target] : target.number;
  const from = DESCRIPTORS[stream];
  const old = descriptorTarget(from);
  // The runtime writes to copies of the descriptor, so each copy is replaced.
  for (let fd = MAX_COPIES; fd > STDERR; fd--) {
    if (fd !== to && descriptorTarget(fd) === old) {
      libc().dup3(to, fd, O_CLOEXEC);
    }
  }
  unwrap(libc().dup3(to, from, 0), "E_REDIRECT", `redirect ${stream}`);
}
