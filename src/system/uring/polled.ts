/** A descriptor polled by io_uring. */

import type { Watch } from "../reactor.ts";
import { CQE_MORE, type Operation, type Ring } from "./ring.ts";

const POLL_ADD = 6;
const POLL_REMOVE = 7;
const POLLIN = 1;
const POLL_MULTISHOT = 1;

export interface PolledParts {
  readonly ring: Ring;
  readonly fd: number;
  readonly tag: number;
  /** True for one poll that completes at each wake-up of the descriptor; false for a new poll after each completion. */
  readonly multishot: boolean;
  readonly ready: () => void;
  /** Removes the watch from the reactor. */
  readonly closed: (polled: Polled) => void;
}

/** The {@linkcode Watch} of a polled descriptor. */
export class Polled implements Watch, Operation {
  readonly tag: number;
  readonly #parts: PolledParts;
  #armed = false;
  #on = true;

  constructor(parts: PolledParts) {
    this.#parts = parts;
    this.tag = parts.tag;
  }

  /** Prepares a poll if the watch is enabled and no poll is in progress. */
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
