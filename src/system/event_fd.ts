/** Eventfds (eventfd(2)): doorbells that any thread or process with the descriptor can ring and poll. */

import { libc } from "../../ffi/libc.ts";
import { descriptorTarget, Fd } from "./fd.ts";
import { unwrap } from "./errno.ts";

const EFD_NONBLOCK = 0x800;
const EFD_CLOEXEC = 0x80000;

const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const sink = new Uint8Array(8);

/** Creates a non-blocking eventfd with count 0. Throws `E_EVENTFD`. */
export function createEventFd(): Fd {
  return new Fd(
    unwrap(
      libc().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
      "E_EVENTFD",
      "create an eventfd",
    ),
  );
}

/** Returns true if the descriptor is an eventfd. Used for descriptors received from other processes. */
export function isEventFd(fd: number): boolean {
  return descriptorTarget(fd) === "anon_inode:[eventfd]";
}

/** Adds 1 to the count, which wakes all pollers. */
export function ring(fd: number): void {
  libc().write(fd, one, 8);
}

/** Resets the count to 0. */
export function drain(fd: number): void {
  libc().read(fd, sink, 8);
}
