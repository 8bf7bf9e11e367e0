/**
 * A call that the device has refused: the interface waits and tries again after 2, 4, 8, 16, 16 s..., as after a failed
 * join (multicast/multicast_group.ts). The refusal is a state of the interface, because its cause may end: another
 * process frees memory or queue pairs, or a limit is raised.
 */

import { Backoff } from "../base/backoff.ts";
import { errnoText } from "../base/errno.ts";
import type { IpoibError } from "../base/errors.ts";
import type { Millis } from "../base/units.ts";
import type { Reactor, Timer } from "../system/reactor.ts";

export class Refusal {
  /** What the device has refused, as text with the remedy if known, and its error; undefined while nothing is refused. */
  current: { readonly text: string; readonly error: IpoibError } | undefined;
  readonly #reactor: Reactor;
  readonly #timer: Timer;
  readonly #backoff = new Backoff();

  /** @param retry called when the call is to be tried again; nothing is refused then */
  constructor(reactor: Reactor, retry: () => void) {
    this.#reactor = reactor;
    this.#timer = reactor.timer(() => {
      this.current = undefined;
      retry();
    });
  }

  /** The device has refused `what`. Schedules the next try, and returns the delay before it. */
  begin(what: string, error: IpoibError): Millis {
    const { code, errno, message, hint } = error;
    // The message of a limit has its numbers.
    const reason = errno === undefined || code === "E_MEMLOCK"
      ? message
      : errnoText(errno);
    const remedy = hint === undefined ? "" : ` (${hint})`;
    const text = `the device refuses ${what}: ${reason}${remedy}`;
    this.current = { text, error };
    const delay = this.#backoff.next();
    this.#timer.at(this.#reactor.clock.now() + delay);
    return delay;
  }

  /** The call has succeeded, or is not needed any more. */
  end(): void {
    this.current = undefined;
    this.#backoff.reset();
    this.#timer.at(Infinity);
  }

  close(): void {
    this.#timer.close();
  }
}
