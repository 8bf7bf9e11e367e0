/** The events of the multicast groups of an interface. A join that is refused again for the same reason has one event. */

import { Errno } from "../../base/errno.ts";
import { hex } from "../../base/hex.ts";
import { formatGid } from "../../wire/gid.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import { refusalOf } from "./join_obstacle.ts";
import type { MulticastGroup } from "./multicast_group.ts";

export class GroupEvents {
  readonly #events: InterfaceEvents;
  /** The recorded reason of the last failure of each group. */
  readonly #reasons = new WeakMap<MulticastGroup, string>();

  constructor(events: InterfaceEvents) {
    this.#events = events;
  }

  /** The group was joined. `before` is its record before, if it was usable then. */
  joined(group: MulticastGroup, before: McMemberRecord | undefined): void {
    const again = this.#reasons.delete(group);
    const { mlid } = group.record!;
    if (before?.mlid === mlid && !again) return;
    this.#events.add("group", "joined", () => ({
      subject: formatGid(group.mgid),
      ...(before && before.mlid !== mlid ? { old: textOf(before, group) } : {}),
      new: textOf(group.record!, group),
    }));
  }

  /** The last join of the group has failed, and its reason is known if it can be. */
  refused(group: MulticastGroup): void {
    const reason = reasonOf(group);
    if (reason === undefined || this.#reasons.get(group) === reason) return;
    this.#reasons.set(group, reason);
    this.#events.add("group", "refused", () => ({
      subject: formatGid(group.mgid),
      cause: reason,
    }));
  }

  /** The port has lost its membership; with `mlid`, the group has another MLID. */
  lost(group: MulticastGroup, mlid: number | undefined): void {
    this.#events.add("group", "lost", () => ({
      subject: formatGid(group.mgid),
      old: textOf(group.record!, group),
      ...(mlid === undefined ? {} : { new: `mlid ${hex(mlid)}` }),
      cause: mlid === undefined
        ? "the port is no longer a member"
        : "the group has another MLID",
    }));
  }

  left(group: MulticastGroup, cause: string): void {
    this.#events.add("group", "left", () => ({
      subject: formatGid(group.mgid),
      ...(group.record ? { old: textOf(group.record, group) } : {}),
      cause,
    }));
  }

  /** The kernel has joined more groups than the interface may. */
  limit(unjoined: number, maxGroups: number): void {
    this.#events.add("group", "limit", () => ({
      subject: "table of groups",
      new: `${unjoined} groups not joined`,
      cause: `the limit of ${maxGroups} groups is reached`,
    }));
  }
}

function textOf({ mlid }: McMemberRecord, { sendOnly }: MulticastGroup) {
  return `mlid ${hex(mlid)}${sendOnly ? " send-only" : ""}`;
}

/** Returns why the last join has failed, also without an answer; undefined if it has not failed. */
function reasonOf(group: MulticastGroup): string | undefined {
  const { failure } = group;
  if (failure === undefined) return undefined;
  return refusalOf(group) ??
    (failure === Errno.ETIMEDOUT
      ? "the subnet administrator does not answer the join"
      : `the join has failed with errno ${failure}`);
}
