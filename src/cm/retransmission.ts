/** A message that is sent again until it is answered. */

import type { Millis } from "../base/units.ts";

export class Retransmission {
  readonly #send: (mad: Uint8Array) => void;
  #mad: Uint8Array | undefined;
  #left = 0;
  #interval: Millis = 0;
  /** Time of the next transmission, or Infinity. */
  next: Millis = Infinity;
  /** True if the device has refused the last transmission. */
  refused = false;

  constructor(send: (mad: Uint8Array) => void) {
    this.#send = send;
  }

  /** True if the message was not answered. */
  get active(): boolean {
    return this.#mad !== undefined;
  }

  /** Sends a message now, and `sends` - 1 times more at this interval. */
  start(mad: Uint8Array, sends: number, interval: Millis, now: Millis): void {
    this.#mad = mad;
    this.#left = sends - 1;
    this.#interval = interval;
    this.next = this.#left > 0 ? now + interval : Infinity;
    this.again();
  }

  /** Sends the message outside its schedule. */
  again(): void {
    if (this.#mad === undefined) return;
    this.refused = false;
    this.#send(this.#mad);
  }

  /** Sends the message if it is due. Returns true if it was sent. */
  tick(now: Millis): boolean {
    if (this.next > now) return false;
    this.#left--;
    this.next = this.#left > 0 ? now + this.#interval : Infinity;
    this.again();
    return true;
  }

  /** Sends nothing before `when`. */
  postpone(when: Millis): void {
    if (this.next < when) this.next = when;
  }

  stop(): void {
    this.#mad = undefined;
    this.#left = 0;
    this.next = Infinity;
  }
}
