/** Chooses what a data worker waits with. */

import { IpoibError } from "../base/errors.ts";
import { PollReactor } from "./poll_reactor.ts";
import type { Reactor } from "./reactor.ts";
import { openUringReactor } from "./uring/uring_reactor.ts";

/**
 * A reactor on io_uring if the system has it, else one on poll; `say` hears once why not.
 *
 * Throws `E_URING` if io_uring was asked for and cannot be had.
 *
 * @param openUring what tests put in its place
 */
export function openReactor(
  io: "auto" | "poll" | "uring",
  say: (text: string) => void,
  openUring: () => Reactor = openUringReactor,
): Reactor {
  if (io === "poll") return new PollReactor();
  try {
    return openUring();
  } catch (error) {
    if (io === "uring" || !(error instanceof IpoibError)) throw error;
    say(`${error.message}; using poll`);
    return new PollReactor();
  }
}
