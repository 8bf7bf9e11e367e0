/** The reactor based on epoll(7) and ppoll(2), which every supported kernel has. */

import { libc } from "../../ffi/libc.ts";
import type { Clock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";
import type { Watch } from "./reactor.ts";
import { ReactorBase } from "./reactor_base.ts";
import { Timespec } from "./timespec.ts";

const POLLIN = 1;
/** A shorter wait ends exactly: epoll_wait(2) has a limit in whole milliseconds, and further turns wait for the rest. */
const EXACT_BELOW: Millis = 10;
/** The longest wait, about 24 days. */
const LONGEST: Millis = 0x7fffffff;

/** A {@linkcode Reactor} based on epoll(7). All watches are alike. */
export class PollReactor extends ReactorBase {
  /** struct pollfd of the epoll descriptor: descriptor, events, result. */
  readonly #epoll = new Uint8Array(8);
  readonly #timeout = new Timespec();
  readonly #libc = libc();

  constructor(clock?: Clock) {
    super(clock);
    const view = new DataView(this.#epoll.buffer);
    view.setInt32(0, this.watches.fd, true);
    view.setInt16(4, POLLIN, true);
  }

  protected override wait(): void {
    const span = this.span[0]!;
    if (span > 0 && span < EXACT_BELOW) {
      this.#timeout.set(this.span);
      // Its result does not matter: epoll_wait(2) finds out what is ready.
      this.#libc.ppoll(this.#epoll, 1n, this.#timeout.bytes, null);
      this.watches.wait(0);
      return;
    }
    const limit = span === Infinity ? -1 : Math.min(Math.floor(span), LONGEST);
    this.watches.wait(limit);
  }

  protected override dispatch(): void {
    this.watches.dispatch();
  }

  protected override watchFast(fd: number, ready: () => void): Watch {
    return this.watches.watch(fd, ready);
  }
}
