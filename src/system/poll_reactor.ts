/** The reactor based on ppoll(2), which every supported kernel has. */

import { errnoCell, libc } from "../../ffi/libc.ts";
import type { Clock } from "../base/clock.ts";
import { Errno } from "../base/errno.ts";
import { lastError } from "./errno.ts";
import type { Watch } from "./reactor.ts";
import { ReactorBase } from "./reactor_base.ts";
import { Timespec } from "./timespec.ts";

const POLLIN = 1;
/** Maximum fast watches: the devices and doorbells of one worker. */
const MAX_FAST = 64;

/** A {@linkcode Reactor} based on ppoll(2). */
export class PollReactor extends ReactorBase {
  readonly #set = new Uint8Array(8 * (MAX_FAST + 1));
  readonly #fds = new Int32Array(this.#set.buffer);
  readonly #events = new Int16Array(this.#set.buffer);
  readonly #watches: ((() => void) | undefined)[] = [];
  readonly #timeout = new Timespec();
  readonly #libc = libc();
  readonly #errno = errnoCell();
  #count = 1n;
  #ready = 0;

  constructor(clock?: Clock) {
    super(clock);
    this.#watches.push(() => this.slow.dispatch());
    this.#setEntry(0, this.slow.fd, true);
  }

  protected override wait(): void {
    this.#timeout.set(this.span);
    const { bytes } = this.#timeout;
    const { ppoll } = this.#libc;
    const ready = ppoll(this.#set, this.#count, bytes, null);
    const why = this.#errno[0]!;
    this.#ready = ready;
    if (ready < 0 && why !== Errno.EINTR) {
      throw lastError("E_POLL", "wait for descriptors", { errno: why });
    }
  }

  protected override dispatch(): void {
    if (this.#ready <= 0) return;
    const watches = this.#watches;
    for (let i = watches.length - 1; i >= 0; i--) {
      if (this.#events[i * 4 + 3] !== 0) {
        this.#events[i * 4 + 3] = 0;
        watches[i]?.();
      }
    }
  }

  protected override watchFast(fd: number, ready: () => void): Watch {
    let entry = this.#watches.indexOf(undefined);
    if (entry < 0) entry = this.#watches.length;
    // Checked before the table grows, so that `#count` never exceeds the pollfd array.
    if (entry > MAX_FAST) {
      throw lastError("E_WATCH", `watch more than ${MAX_FAST} devices`, {
        errno: Errno.ENOSPC,
      });
    }
    this.#watches[entry] = ready;
    this.#setEntry(entry, fd, true);
    this.#count = BigInt(this.#watches.length);
    return {
      enable: (on) => this.#setEntry(entry, fd, on),
      close: () => {
        if (this.#watches[entry] !== ready) return;
        this.#watches[entry] = undefined;
        this.#setEntry(entry, 0, false);
      },
    };
  }

  protected override close(): void {
    this.#watches.length = 0;
  }

  #setEntry(entry: number, fd: number, on: boolean): void {
    // poll(2) ignores an entry with a negative descriptor, including its hang-ups.
    this.#fds[entry * 2] = on ? fd : -1 - fd;
    this.#events[entry * 4 + 2] = POLLIN;
    this.#events[entry * 4 + 3] = 0;
  }
}
