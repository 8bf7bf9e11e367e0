/**
 * Repeats sends that the kernel has refused with EINVAL.
 *
 * It refuses a request whose TransactionID is that of another request that it has not sent yet (Linux user_mad.c,
 * `is_duplicate`). The SA client's requests have IDs of their own (transaction_aliases.ts), but a CM message carries
 * the ID of the message that it answers: different peers may have chosen the same one, and a message may follow
 * another to the same peer. The earlier send takes less than a millisecond.
 */

import type { Reactor, Timer } from "../../system/reactor.ts";

const INTERVAL_MS = 2;
const MAX_REPEATS = 10;
/** Limit of the waiting messages. The CM retransmits a message that is dropped. */
const MAX_WAITING = 256;

/** A message in the format of user_mad.ts. */
interface Waiting {
  readonly message: Uint8Array;
  repeats: number;
}

/** The messages that wait for another attempt. */
export class RepeatedSends {
  readonly #reactor: Reactor;
  readonly #timer: Timer;
  readonly #attempt: (message: Uint8Array, last: boolean) => boolean;
  #waiting: Waiting[] = [];

  /**
   * @param attempt sends a message; returns false if it is to be repeated, which it must not do for the last attempt
   */
  constructor(
    reactor: Reactor,
    attempt: (message: Uint8Array, last: boolean) => boolean,
  ) {
    this.#reactor = reactor;
    this.#attempt = attempt;
    this.#timer = reactor.timer(() => this.#repeat());
  }

  /** Sends a message now, and again later if that fails. */
  send(message: Uint8Array): void {
    const full = this.#waiting.length >= MAX_WAITING;
    if (this.#attempt(message, full) || full) return;
    this.#waiting.push({ message, repeats: 0 });
    if (this.#waiting.length === 1) this.#schedule();
  }

  close(): void {
    this.#timer.close();
    this.#waiting = [];
  }

  #repeat(): void {
    this.#waiting = this.#waiting.filter((each) => {
      const last = ++each.repeats >= MAX_REPEATS;
      return !this.#attempt(each.message, last) && !last;
    });
    if (this.#waiting.length > 0) this.#schedule();
  }

  #schedule(): void {
    this.#timer.at(this.#reactor.clock.now() + INTERVAL_MS);
  }
}
