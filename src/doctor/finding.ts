/** The result of a check, and the type of a check. */

import type { Problem } from "./facts.ts";

/** `skipped`: the check could not be made. */
export type Status = "ok" | "warning" | "failure" | "skipped";

/** The result of one check. */
export interface Finding {
  readonly status: Status;
  /** What was found, as a clause without a final period; for a skipped check, why it was not made. */
  readonly text: string;
  /** What to do, with a command where there is one; present for warnings and failures. */
  readonly remedy?: string;
  /** Further lines for `-d`. */
  readonly details?: readonly string[];
}

/**
 * One check: a pure function of facts. It returns undefined if it does not apply, such as a check of connected mode in
 * datagram mode.
 */
export interface Check<Facts> {
  /** At most 14 characters. */
  readonly name: string;
  run(facts: Facts): Finding | readonly Finding[] | undefined;
}

export function ok(text: string, details: readonly string[] = []): Finding {
  return { status: "ok", text, details };
}

export function warning(
  text: string,
  remedy: string,
  details: readonly string[] = [],
): Finding {
  return { status: "warning", text, remedy, details };
}

export function failure(
  text: string,
  remedy: string,
  details: readonly string[] = [],
): Finding {
  return { status: "failure", text, remedy, details };
}

/** Returns the finding about something that this user may not examine, which may hide any fault. */
export function refusedUser({ message, hint }: Problem): Finding {
  return warning(message, hint ?? "run the command as root");
}

/** @param why the reason, such as "the port is DOWN" */
export function skipped(why: string): Finding {
  return { status: "skipped", text: why };
}
