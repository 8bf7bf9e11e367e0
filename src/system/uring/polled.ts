/** A descriptor that is polled, again after each time that it was ready. */

import type { Watch } from "../reactor.ts";
import { CQE_MORE, type Operation, type Ring } from "./ring.ts";

const POLL_ADD = 6;
const POLL_REMOVE = 7;
const POLLIN = 1;
const POLL_MULTISHOT = 1;

/** What a polled descriptor is watched with. */
export interface PolledParts {
  readonly ring: Ring;
  readonly fd: number;
  readonly tag: number;
  /** True: one poll tells of every time, also while nothing is read. */
  readonly multishot: boolean;
  readonly ready: () => void;
  /** Takes it out of the reactor. */
  readonly closed: (polled: Polled) => void;
}

/** See above. */
export class Polled implements Watch, Operation {
  readonly tag: number;
  readonly #parts: PolledParts;
  #armed = false;
  #on = true;

  constructor(parts: PolledParts) {
    this.#parts = parts;
    this.tag = parts.tag;
  }

  /** Prepares the poll anew where it has ended. */
  arm(): void {
    if (this.#armed || !this.#on) return;
    const { ring, fd, multishot } = this.#parts;
    const at = ring.prepare();
    const { words } = ring;
    words[at] = POLL_ADD;
    words[at + 1] = fd;
    words[at + 6] = multishot ? POLL_MULTISHOT : 0;
    words[at + 7] = POLLIN;
    words[at + 8] = this.tag;
    this.#armed = true;
  }

  complete(result: number, flags: number): void {
    if (!(flags & CQE_MORE)) this.#armed = false;
    if (result >= 0 && this.#on) this.#parts.ready();
  }

  enable(on: boolean): void {
    if (this.#on === on) return;
    this.#on = on;
    if (!on) this.#remove();
  }

  close(): void {
    this.#on = false;
    this.#remove();
    this.#parts.closed(this);
  }

  #remove(): void {
    if (this.#armed) this.#parts.ring.cancel(POLL_REMOVE, this.tag);
  }
}
