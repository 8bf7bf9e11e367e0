/** File descriptors that are closed once. */

import { cString, libc } from "../../ffi/libc.ts";

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
