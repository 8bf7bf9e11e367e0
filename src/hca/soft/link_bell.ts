/**
 * Wakes the process at the other end of a link.
 *
 * The wake-up is a write to the peer's eventfd if the peer passed an eventfd and the reactor can ring it without
 * blocking. Otherwise, and if the eventfd does not accept the write, it is a byte on the link's connection. No third
 * process can fill or close that connection, so a process that fills the eventfd of a peer cannot silence it.
 */

import type { Fd } from "../../system/fd.ts";
import { isEventFd } from "../../system/event_fd.ts";
import type { Bell, Reactor } from "../../system/reactor.ts";
import { sendWake, takeWakes } from "../../system/unix_socket.ts";
import { Wake } from "./ring.ts";

/** Maximum number of wake-ups that one call takes from the connection. */
const WAKES_PER_TURN = 16;
/** Maximum number of wake-ups without a packet or a returned slot in between. More wake-ups end the link. */
const MAX_IDLE_WAKES = 10_000;

/** The wake-ups of a link, in both directions. Owns the link's connection. */
export class LinkBell {
  readonly #connection: Fd;
  #eventFd: Fd | undefined;
  #bell: Bell | undefined;
  #idleWakes = 0;

  constructor(connection: Fd) {
    this.#connection = connection;
  }

  /**
   * Takes ownership of the peer's eventfd and uses it for wake-ups. Closes it if the reactor has no doorbells.
   *
   * @returns false, with the descriptor closed, if it is not an eventfd or the bell already has one
   */
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

  /** Wakes the peer in the way that it requested. */
  ring(wake: Wake): void {
    if (wake === Wake.None) return;
    if (wake === Wake.Bell && this.#bell) this.#bell.ring();
    else sendWake(this.#connection.number);
  }

  /**
   * Takes wake-ups of the peer from the connection.
   *
   * @returns false if the connection has ended, or if the peer has exceeded {@linkcode MAX_IDLE_WAKES}
   */
  take(): boolean {
    const count = takeWakes(this.#connection.number, WAKES_PER_TURN);
    this.#idleWakes += count;
    return count >= 0 && this.#idleWakes <= MAX_IDLE_WAKES;
  }

  /** Restarts the count of idle wake-ups: the peer has sent a packet or returned a slot. */
  progress(): void {
    this.#idleWakes = 0;
  }

  close(): void {
    this.#bell?.close();
    this.#eventFd?.close();
    this.#connection.close();
  }
}
