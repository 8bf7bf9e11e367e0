/**
 * Returns unused memory to the kernel from time to time.
 *
 * glibc keeps freed memory that is not at the end of a heap: the threads that compile hot functions leave about 10 MB
 * there, up to an hour after the start. V8 collects the garbage of its old generation only when the heap has grown, or
 * when its thread is idle in the event loop of the runtime, which a worker with a reactor never is.
 */

import type { Millis } from "../base/units.ts";
import { libc } from "../../ffi/libc.ts";
import type { Reactor, Timer } from "./reactor.ts";
import { dropUnusedText } from "./unused_text.ts";

/** The start of an interface is over by then. */
const TEXT_DELAY_MS = 20_000;
const TRIM_INTERVAL_MS = 10_000;
const COLLECTION_INTERVAL_MS = 60_000;

/** Trims the heaps of the C library of this process at intervals, and drops the text that only the start has used. */
export class MemoryTrim implements Disposable {
  readonly #interval = setInterval(trimHeaps, TRIM_INTERVAL_MS);
  readonly #once = setTimeout(dropUnusedText, TEXT_DELAY_MS);

  /** Starts timers that do not keep the process alive. */
  constructor() {
    Deno.unrefTimer(this.#interval);
    Deno.unrefTimer(this.#once);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#interval);
    clearTimeout(this.#once);
  }
}

/** Returns all freed memory of the C library's heaps to the kernel (malloc_trim(3)). */
export function trimHeaps(): void {
  libc().malloc_trim(0n);
}

/**
 * Collects the garbage of this thread once a minute, which takes some 10 ms. Not for a data worker, whose packets would
 * wait. Does nothing if the runtime was started without `--expose-gc`.
 */
export function collectPeriodically(reactor: Reactor): void {
  const { gc } = globalThis as { gc?: () => void };
  if (!gc) return;
  const timer: Timer = reactor.timer((now) => {
    gc();
    schedule(now);
  });
  const schedule = (now: Millis) => timer.at(now + COLLECTION_INTERVAL_MS);
  schedule(reactor.clock.now());
}
