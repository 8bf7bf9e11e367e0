/**
 * A call that the device has refused: the interface waits and tries again after 2, 4, 8, 16, 16 s..., as after a failed
 * join (multicast/multicast_group.ts). The refusal is a state of the interface, because its cause may end: another
 * process frees memory or queue pairs, or a limit is raised.
 */

import { errnoText } from "../base/errno.ts";
import type { IpoibError } from "../base/errors.ts";
import type { Millis } from "../base/units.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import { MAX_BACKOFF_MS } from "./constants.ts";

const FIRST_BACKOFF_MS: Millis = 2000;

export class Refusal {
  /** What the device has refused, as text with the remedy if known, and its error; undefined while nothing is refused. */
  current: { readonly text: string; readonly error: IpoibError } | undefined;
  readonly #reactor: Reactor;
  readonly #timer: Timer;
  #backOffMs = FIRST_BACKOFF_MS;

  /** @param retry called when the call is to be tried again; nothing is refused then */
  constructor(reactor: Reactor, retry: () => void) {
    this.#reactor = reactor;
    this.#timer = reactor.timer(() => {
      this.current = undefined;
      retry();
    });
  }

  /** The device has refused `what`. Schedules the next try. */
  begin(what: string, error: IpoibError): void {
    const { errno, message, hint } = error;
    const reason = errno === undefined ? message : errnoText(errno);
    const remedy = hint === undefined ? "" : ` (${hint})`;
    const text = `the device refuses ${what}: ${reason}${remedy}`;
    this.current = { text, error };
    this.#timer.at(this.#reactor.clock.now() + this.#backOffMs);
    this.#backOffMs = Math.min(2 * this.#backOffMs, MAX_BACKOFF_MS);
  }

  /** The call has succeeded, or is not needed any more. */
  end(): void {
    this.current = undefined;
    this.#backOffMs = FIRST_BACKOFF_MS;
    this.#timer.at(Infinity);
  }

  close(): void {
    this.#timer.close();
  }
}
