/** The events of the paths of an interface. */

import { Errno, errnoText } from "../base/errno.ts";
import type { EventDetails, EventName } from "../base/events.ts";
import { hex } from "../base/hex.ts";
import { formatRate } from "../base/rates.ts";
import { formatMtuCode } from "../base/units.ts";
import { type SaFailure, unsentText } from "../sa/result.ts";
import { formatGid } from "../wire/gid.ts";
import { formatMadStatus, MadStatus } from "../wire/mad.ts";
import type { PathRecord } from "../wire/sa/path_record.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import type { Path } from "./path.ts";

export class PathEvents {
  readonly #events: InterfaceEvents;

  constructor(events: InterfaceEvents) {
    this.#events = events;
  }

  /** A query has returned a path. Call before the path has it. The path in use has no event, unless its query had failed. */
  found(path: Path, record: PathRecord): void {
    const before = usedText(path);
    const now = textOf(record);
    if (before === now && path.failure === undefined) return;
    const changed = before !== undefined && before !== now;
    this.#add(path, changed ? "changed" : "found", () => ({
      old: changed ? before : undefined,
      new: now,
    }));
  }

  /** A query has failed. The old path, if there is one, stays in use. */
  failed(path: Path, failure: SaFailure): void {
    this.#add(path, "failed", () => ({
      old: usedText(path),
      cause: failureText(failure),
    }));
  }

  /** A packet could not be sent on the path. Call before the path is invalid. */
  lost(path: Path): void {
    this.#add(path, "lost", () => ({
      old: usedText(path),
      cause: "a packet could not be sent on it",
    }));
  }

  evicted(count: number): void {
    this.#events.add("path", "evicted", () => ({
      subject: "path table",
      new: `${count}`,
      cause: "the table is full",
    }));
  }

  #add(
    { gid }: Path,
    event: EventName<"path">,
    details: () => Omit<EventDetails, "subject">,
  ): void {
    this.#events.add("path", event, () => ({
      subject: formatGid(gid),
      ...details(),
    }));
  }
}

/** Describes the path in use; undefined if there is none. */
function usedText({ ah, record }: Path): string | undefined {
  return ah && record && textOf(record);
}

/** Describes a path with the words of `ipoib path show`. */
function textOf({ dlid, sl, rate, mtu }: PathRecord): string {
  return `dlid ${hex(dlid)} sl ${sl} rate ${formatRate(rate)} mtu ${
    formatMtuCode(mtu)
  }`;
}

function failureText({ errno, status, unsent }: SaFailure): string {
  if (unsent) return unsentText(errno);
  if (errno === Errno.ETIMEDOUT) {
    return "the subnet administrator does not answer";
  }
  if (status === MadStatus.NoRecords) {
    return "the subnet administrator has no path to the port";
  }
  return status === MadStatus.Ok
    ? errnoText(errno)
    : `the subnet administrator refuses the query with status ${
      formatMadStatus(status)
    }`;
}
