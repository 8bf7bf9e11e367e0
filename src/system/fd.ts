/** File descriptors: closed once, opened, and their flags. */

import { cString, libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";

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

  /** The number, or -1 once closed or released. */
  get number(): number {
    return this.#fd;
  }

  /** Gives the number away: the caller closes it. */
  release(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  close(): void {
    const fd = this.release();
    if (fd >= 0) libc().close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What a descriptor is open on, such as `pipe:[1234]`; undefined if it is not open. */
export function descriptorTarget(fd: number): string | undefined {
  const into = new Uint8Array(256);
  const path = cString(`/proc/self/fd/${fd}`);
  const length = libc().readlink(path, into, into.length);
  return length < 0
    ? undefined
    : new TextDecoder().decode(into.subarray(0, length));
}

/** A new socket (socket(2)); throws `code`. */
export function openSocket(
  family: number,
  type: number,
  protocol: number,
  code = "E_SOCKET",
  action = "create a socket",
): Fd {
  return new Fd(unwrap(libc().socket(family, type, protocol), code, action));
}

/** Sets O_NONBLOCK on a descriptor that a library opened; throws `E_FCNTL`. */
export function setNonBlocking(fd: number): void {
  const flags = unwrap(libc().fcntl(fd, F_GETFL, 0n), "E_FCNTL", "read flags");
  unwrap(
    libc().fcntl(fd, F_SETFL, BigInt(flags | O_NONBLOCK)),
    "E_FCNTL",
    "make a descriptor non-blocking",
  );
}

/** Whether a descriptor stays open when another program replaces this one (fcntl(2), FD_CLOEXEC). */
export function setInheritable(fd: number, stays: boolean): void {
  libc().fcntl(fd, F_SETFD, stays ? 0n : FD_CLOEXEC);
}
