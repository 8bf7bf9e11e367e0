/**
 * Returns the freed memory of the C library's heaps to the kernel from time to time (malloc_trim(3)).
 *
 * glibc keeps freed memory that is not at the end of a heap. The threads that compile the hot functions of a process
 * leave about 10 MB there, up to an hour after the start.
 */

import { libc } from "../../ffi/libc.ts";

const INTERVAL_MS = 10_000;

export class HeapTrim implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /** Starts a timer that does not keep the process alive. */
  constructor() {
    this.#timer = setInterval(trimHeaps, INTERVAL_MS);
    Deno.unrefTimer(this.#timer);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Returns all freed memory of the process's heaps to the kernel. */
export function trimHeaps(): void {
  libc().malloc_trim(0n);
}
