/** File descriptors: ownership, flags and targets. */

import { cString, libc, libcFiles } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";

const F_DUPFD_CLOEXEC = 1030;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1n;
const O_NONBLOCK = 0x800;

/** An owned file descriptor; `using` closes it at the end of the block. */
export class Fd implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The descriptor number, or -1 after `close()` or `release()`. */
  get number(): number {
    return this.#fd;
  }

  /** Returns the descriptor number and transfers its ownership to the caller. */
  release(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  close(): void {
    const fd = this.release();
    if (fd >= 0) libcFiles().close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Closes descriptors in this order. */
export function closeAll(descriptors: readonly number[]): void {
  for (const fd of descriptors) new Fd(fd).close();
}

/** Returns the target of `/proc/self/fd/FD`, such as `pipe:[1234]`, or undefined if it cannot be read. */
export function descriptorTarget(fd: number): string | undefined {
  const into = new Uint8Array(256);
  const path = cString(`/proc/self/fd/${fd}`);
  const length = libcFiles().readlink(path, into, into.length);
  return length < 0
    ? undefined
    : new TextDecoder().decode(into.subarray(0, length));
}

/** Opens a socket (socket(2)). Throws an error with `code`. */
export function openSocket(
  family: number,
  type: number,
  protocol: number,
  code = "E_SOCKET",
  action = "create a socket",
): Fd {
  return new Fd(unwrap(libc().socket(family, type, protocol), code, action));
}

/** Returns another descriptor of the same open file (fcntl(2), F_DUPFD_CLOEXEC). Throws `E_FCNTL`. */
export function duplicate(fd: number): Fd {
  return new Fd(
    unwrap(
      libc().fcntl(fd, F_DUPFD_CLOEXEC, 0n),
      "E_FCNTL",
      "duplicate a descriptor",
    ),
  );
}

/** Sets O_NONBLOCK on a descriptor. Throws `E_FCNTL`. */
export function setNonBlocking(fd: number): void {
  const flags = unwrap(libc().fcntl(fd, F_GETFL, 0n), "E_FCNTL", "read flags");
  unwrap(
    libc().fcntl(fd, F_SETFL, BigInt(flags | O_NONBLOCK)),
    "E_FCNTL",
    "make a descriptor non-blocking",
  );
}

/** Sets whether a descriptor stays open across execve(2) (fcntl(2), FD_CLOEXEC). */
export function setInheritable(fd: number, inheritable: boolean): void {
  libc().fcntl(fd, F_SETFD, inheritable ? 0n : FD_CLOEXEC);
}
