/** An eventfd: a doorbell that can be rung from any thread or process and waited for with poll. */

import { libc } from "../../ffi/libc.ts";
import { descriptorTarget, Fd } from "./fd.ts";
import { unwrap } from "./errno.ts";

const EFD_NONBLOCK = 0x800;
const EFD_CLOEXEC = 0x80000;

const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const sink = new Uint8Array(8);

/** Makes an eventfd with count 0. */
export function createEventFd(): Fd {
  return new Fd(
    unwrap(
      libc().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
      "E_EVENTFD",
      "create an eventfd",
    ),
  );
}

/** True if the descriptor, which came from another process, is an eventfd. */
export function isEventFd(fd: number): boolean {
  return descriptorTarget(fd) === "anon_inode:[eventfd]";
}

/** Adds one to the count: whoever polls the eventfd wakes. */
export function ring(fd: number): void {
  libc().write(fd, one, 8);
}

/** Takes the count back to zero. */
export function drain(fd: number): void {
  libc().read(fd, sink, 8);
}
