/** Text and JSON of events. */

import { printable } from "../../base/printable.ts";
import { localTimestamp } from "../../base/timestamp.ts";
import type { EventRecord } from "../../ipc/schema.ts";
import type { Palette, Style } from "./style.ts";

/** Events that end or refuse something. */
const BAD: ReadonlySet<string> = new Set([
  ...["failed", "refused", "lost", "conflict", "unreached", "suppressed"],
  ...["deleted", "limit", "drops"],
]);
/** New values of a thing that works, and events that make it work. */
const GOOD: ReadonlySet<string> = new Set([
  ...["running", "active", "present", "confirmed"],
  ...["joined", "resolved", "found", "created"],
]);

/** An event with the label of its namespace, with `-a`. */
export interface ShownEvent {
  readonly event: EventRecord;
  readonly netns?: string | undefined;
}

/** Formats an event as a line: `ib0 link state: running -> waiting for ..., cause: ...`. */
export function renderEvent(
  { event: stored, netns }: ShownEvent,
  style: Pick<Style, "palette">,
  withTime: boolean,
): string {
  const { palette } = style;
  const event = printableEvent(stored);
  const { ifname, kind, subject, cause } = event;
  const where = netns === undefined ? "" : `[netns ${netns}] `;
  const time = withTime ? `[${localTime(event.time_ms)}] ` : "";
  const about = subject === ifname ? "" : ` ${subject}`;
  const values = valuesOf(event, palette);
  return `${time}${where}${palette.name(ifname)} ${kind} ${
    nameOf(event.event, palette)
  }${about}${values === "" ? "" : `: ${values}`}${
    cause === undefined ? "" : `, cause: ${cause}`
  }\n`;
}

/** Converts an event for JSON: the time as in ISO 8601, in UTC. */
export function eventJson(
  { event: { "time_ms": timeMs, namespace: _, ...rest }, netns }: ShownEvent,
): object {
  return {
    time: new Date(timeMs).toISOString(),
    ...(netns === undefined ? {} : { netns }),
    ...rest,
  };
}

/** A process of another version may not have replaced the control characters. */
function printableEvent(event: EventRecord): EventRecord {
  const texts = Object.entries(event).map(([name, value]) => [
    name,
    typeof value === "string" ? printable(value) : value,
  ]);
  return Object.fromEntries(texts);
}

function valuesOf({ old, new: now }: EventRecord, palette: Palette): string {
  if (now === undefined) return old === undefined ? "" : `was ${old}`;
  const shown = GOOD.has(now) ? palette.good(now) : now;
  return old === undefined ? shown : `${old} -> ${shown}`;
}

function nameOf(event: string, palette: Palette): string {
  if (BAD.has(event)) return palette.bad(event);
  return GOOD.has(event) ? palette.good(event) : event;
}

/** Returns the local time with milliseconds, as `ip -ts monitor` prints it. */
function localTime(ms: number): string {
  return localTimestamp(new Date(ms)).slice(0, -"+00:00".length);
}
