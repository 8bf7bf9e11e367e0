/**
 * The events of an interface and its port: what `ipoib monitor` prints.
 *
 * An event is about a *subject* (an interface, an address, a GID, a setting), which had an old value and has a new one,
 * for a cause. docs/monitor.md describes each event.
 */

import { printable } from "./printable.ts";
import type { QualifiedName } from "./qualified_name.ts";

/** The names of the events, by kind. */
export const EVENTS = {
  /** The interface: its state, MTU and settings, and its beginning and end. */
  link: [
    ...["created", "deleted", "renamed", "moved"] as const,
    ...["state", "doubt", "membership", "mtu", "setting", "carrier"] as const,
    "drops",
  ],
  /** Neighbours: IP addresses and their link-layer addresses. */
  neigh: [
    ...["resolved", "moved", "failed", "unreached", "conflict"] as const,
    ...["static", "evicted"] as const,
  ],
  /** Paths to ports, and connections of connected mode. */
  path: [
    ...["found", "changed", "failed", "lost", "evicted"] as const,
    "connection",
  ],
  /** Memberships in multicast groups. */
  group: ["joined", "refused", "lost", "left", "limit"],
  /** The port, its device and the subnet manager; packet faults of the embedded subnet. */
  fabric: [
    ...["port", "lid", "gid", "pkeys", "sm", "mtu", "reregister"] as const,
    ...["device", "queue_pair", "manager", "fault"] as const,
    ...["member", "group", "refused", "partitions"] as const,
  ],
} as const;

export type EventKind = keyof typeof EVENTS;
export type EventName<K extends EventKind> = typeof EVENTS[K][number];

export const EVENT_KINDS = Object.keys(EVENTS) as readonly EventKind[];

/** Event of any kind: further events were not recorded, because there were too many. The new value is their number. */
export const SUPPRESSED = "suppressed";

/** The subject of an event, and what happened to it, as text of at most {@linkcode MAX_EVENT_TEXT} characters each. */
export interface EventDetails {
  readonly subject: string;
  readonly old?: string | undefined;
  readonly new?: string | undefined;
  /** A clause without a final period. */
  readonly cause?: string | undefined;
}

/** Maximum length of each text of an event, in UTF-16 code units. Longer texts are truncated. */
export const MAX_EVENT_TEXT = 512;

/** The interface of an event, or the manager of a subnet, which has no namespace. */
export type EventOwner =
  | QualifiedName
  | { readonly name: string; readonly namespace?: undefined };

/** The {@linkcode EventRecord.namespace} of events in a namespace that the interfaces of the process have left. */
export const LEFT_NAMESPACE = 0;

/** An event, as it is stored and sent. */
export interface EventRecord {
  /** Milliseconds since 1970. */
  "time_ms": number;
  /** Name that the interface had then. Events of the port have the name of the parent interface. */
  ifname: string;
  /**
   * Inode of the network namespace in which the interface had this name, or {@linkcode LEFT_NAMESPACE}. Absent in events
   * of a subnet manager, and of a process of an older version.
   */
  namespace?: number;
  /** An {@linkcode EventKind}. */
  kind: string;
  /** An {@linkcode EventName}, or {@linkcode SUPPRESSED}. */
  event: string;
  subject: string;
  old?: string;
  new?: string;
  cause?: string;
}

/** Returns the record of an event. Control characters are replaced ({@linkcode printable}). */
export function eventRecord(
  timeMs: number,
  { name, namespace }: EventOwner,
  kind: EventKind,
  event: string,
  details: EventDetails,
): EventRecord {
  const record: EventRecord = {
    "time_ms": timeMs,
    ifname: clean(name),
    ...(namespace === undefined ? {} : { namespace: Number(namespace) }),
    kind,
    event,
    subject: clean(details.subject),
  };
  for (const member of ["old", "new", "cause"] as const) {
    const text = details[member];
    if (text !== undefined) record[member] = clean(text);
  }
  return record;
}

function clean(text: string): string {
  return printable(text.slice(0, MAX_EVENT_TEXT));
}
