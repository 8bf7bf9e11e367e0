/**
 * Wakes the process at the other end of a link.
 *
 * By its eventfd, where it gave one and the reactor can ring it without blocking; else, and where the eventfd does not take the ring, by a
 * byte on the link's connection. No other peer can fill or close that, so a process that fills the eventfd of another one
 * silences nothing.
 */

import type { Fd } from "../../system/fd.ts";
import { isEventFd } from "../../system/event_fd.ts";
import type { Bell, Reactor } from "../../system/reactor.ts";
import { sendWake, takeWakes } from "../../system/unix_socket.ts";
import { Wake } from "./ring.ts";

/** Bytes on the connection that are taken in one turn. */
const WAKES_PER_TURN = 16;
/** Wake-ups without a packet or a slot in between that end the link. */
const MAX_IDLE_WAKES = 10_000;

export class LinkBell {
  readonly #connection: Fd;
  #eventFd: Fd | undefined;
  #bell: Bell | undefined;
  #idleWakes = 0;

  constructor(connection: Fd) {
    this.#connection = connection;
  }

  /** Rings the peer's eventfd from now on, which becomes the bell's; false if it is something else. */
  use(eventFd: Fd, { doorbells }: Reactor): boolean {
    if (this.#eventFd || !isEventFd(eventFd.number)) {
      eventFd.close();
      return false;
    }
    if (!doorbells) {
      eventFd.close();
      return true;
    }
    this.#eventFd = eventFd;
    this.#bell = doorbells.open(
      eventFd.number,
      () => sendWake(this.#connection.number),
    );
    return true;
  }

  /** Wakes the peer as it asked for: see {@linkcode Wake}. */
  ring(wake: Wake): void {
    if (wake === Wake.None) return;
    if (wake === Wake.Bell && this.#bell) this.#bell.ring();
    else sendWake(this.#connection.number);
  }

  /**
   * Takes the peer's wake-ups from the connection.
   *
   * @returns false if the connection has ended, or the peer does nothing but wake this process.
   */
  take(): boolean {
    const count = takeWakes(this.#connection.number, WAKES_PER_TURN);
    this.#idleWakes += count;
    return count >= 0 && this.#idleWakes <= MAX_IDLE_WAKES;
  }

  /** The peer has sent a packet, or returned a slot. */
  progress(): void {
    this.#idleWakes = 0;
  }

  close(): void {
    this.#bell?.close();
    this.#eventFd?.close();
    this.#connection.close();
  }
}
