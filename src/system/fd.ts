/** File descriptors that are closed once. */

import { libc } from "../../ffi/libc.ts";

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
