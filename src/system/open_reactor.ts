/** Selects the reactor of a worker. */

import { IpoibError } from "../base/errors.ts";
import { PollReactor } from "./poll_reactor.ts";
import type { Reactor } from "./reactor.ts";
import { openUringReactor } from "./uring/uring_reactor.ts";

/**
 * Opens the reactor for `--io`. With `auto` it uses io_uring if available; otherwise it reports the reason and uses
 * poll. With `uring` it throws `E_URING` if io_uring is unavailable.
 *
 * @param report receives the reason for the fallback
 * @param openUring replaceable by tests
 */
export function openReactor(
  io: "auto" | "poll" | "uring",
  report: (text: string) => void,
  openUring: () => Reactor = openUringReactor,
): Reactor {
  if (io === "poll") return new PollReactor();
  try {
    return openUring();
  } catch (error) {
    if (io === "uring" || !(error instanceof IpoibError)) throw error;
    report(`${error.message}; using poll`);
    return new PollReactor();
  }
}
