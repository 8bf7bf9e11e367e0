/**
 * Failed reads of a reader (frames.ts). A closed descriptor or a deleted device ends it. After any other failure the
 * reader pauses and reads again: a TAP has EINVAL for a frame that no virtio header describes, and the kernel ENOMEM.
 */

import { Errno } from "../base/errno.ts";
import type { Millis } from "../base/units.ts";
import type { Reactor, Timer } from "./reactor.ts";

/** Length of a pause, so that a device whose reads all fail does not keep the loop busy. */
export const READ_PAUSE_MS: Millis = 10;

/** Returns true if no further read of the descriptor can succeed. Those of a deleted TAP fail with EFAULT or EBADFD. */
export function endsReading(errno: number): boolean {
  return errno === Errno.EBADF || errno === Errno.EBADFD ||
    errno === Errno.EFAULT;
}

/** The part of a reactor that a {@linkcode ReadPause} uses. */
export type PauseTimers = Pick<Reactor, "clock" | "timer">;

/** The pauses of one reader. */
export class ReadPause {
  /** True during a pause. */
  active = false;
  readonly #clock: PauseTimers["clock"];
  readonly #timer: Timer;

  /** @param over called at the end of a pause */
  constructor(reactor: PauseTimers, over: () => void) {
    this.#clock = reactor.clock;
    this.#timer = reactor.timer(() => {
      this.active = false;
      over();
    });
  }

  start(): void {
    this.active = true;
    this.#timer.at(this.#clock.now() + READ_PAUSE_MS);
  }

  /** Ends the current pause without a call of `over`. */
  close(): void {
    this.#timer.close();
  }
}
