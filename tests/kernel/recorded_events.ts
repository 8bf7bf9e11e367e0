/** Events that ipoib has recorded in a guest. */

import type { Guest } from "../../scripts/rig/guest.ts";

/** The members of an event of `ipoib -j events` that tests use. */
interface RecordedEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly kind: string;
  readonly event: string;
  readonly subject: string;
  readonly old?: string;
  readonly new?: string;
  readonly cause?: string;
}

/** Returns the time of a guest, in milliseconds since 1970. */
export async function guestTime(guest: Guest): Promise<number> {
  return Number(await guest.must("date +%s%3N"));
}

/**
 * Returns the events of an interface since a time of the guest, as lines `KIND EVENT SUBJECT: OLD -> NEW, cause: CAUSE`.
 *
 * @param kinds their kinds, separated by blanks
 */
export async function eventsSince(
  guest: Guest,
  since: number,
  name: string,
  kinds: string,
): Promise<string[]> {
  const output = await guest.must(`ipoib -j events ${name} ${kinds}`);
  return (JSON.parse(output) as RecordedEvent[])
    .filter(({ time }) => Date.parse(time) >= since)
    .map(({ kind, event, subject, old, new: now, cause }) =>
      `${kind} ${event} ${subject}: ${old} -> ${now}, cause: ${cause}`
    );
}
