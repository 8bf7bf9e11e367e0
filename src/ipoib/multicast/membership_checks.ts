/**
 * Checks whether the port is still a member of its groups. A leave by another program on the port ends the membership
 * for all programs without notice (sa/other_holders.ts).
 *
 * One check runs at a time. Each group is checked after a random interval of 30 to 60 s. When a leave by another
 * program is likely, such as after the kernel's interface on the port went down, the checks of all groups are due
 * immediately. If the administrator does not respond, all checks are postponed. A check that was refused or not answered
 * does not end a membership; the group has the failure (`checkFailure`) until a later check has a result.
 */

import type { Millis } from "../../base/units.ts";
import type { SaRequest, SaResult } from "../../sa/result.ts";
import type { PortMemberships } from "../../sa/port_memberships.ts";
import { membershipCheck } from "../../sa/requests.ts";
import { MadStatus } from "../../wire/mad.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { MEMBERSHIP_CHECK_MS } from "../constants.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** Dependencies of {@linkcode MembershipChecks}. */
export interface MembershipCheckParts {
  readonly memberships: PortMemberships;
  /** The groups of the interface. */
  readonly groups: ReadonlyMap<string, MulticastGroup>;
  /** Returns the GID of the port, 16 bytes. */
  readonly portGid: () => Uint8Array;
  /** Called when the port is no longer a member of a group, or when the group has another MLID, which is given. */
  readonly onLost: (group: MulticastGroup, mlid: number | undefined) => void;
}

export class MembershipChecks {
  readonly #parts: MembershipCheckParts;
  #running: SaRequest | undefined;

  constructor(parts: MembershipCheckParts) {
    this.#parts = parts;
  }

  /** Schedules the next check of a joined group, 30 to 60 s from now. */
  schedule(group: MulticastGroup, now: Millis): void {
    group.checkAt = now + MEMBERSHIP_CHECK_MS * (1 + Math.random());
  }

  /** Makes the checks of all groups due. */
  expedite(now: Millis): void {
    for (const group of this.#parts.groups.values()) group.checkAt = now;
  }

  /** Time of the next check; Infinity if there is none, or while one is pending. */
  get deadline(): Millis {
    return this.#running ? Infinity : this.#next()?.checkAt ?? Infinity;
  }

  /** Starts the check that is due, if any; calls `done` when it ends. */
  run(now: Millis, done: () => void): void {
    const group = this.#running ? undefined : this.#next();
    if (!group || group.checkAt > now) return;
    this.schedule(group, now);
    const { memberships, portGid } = this.#parts;
    this.#running = memberships.check(
      membershipCheck(group.mgid, portGid()),
      now,
      (answer, now) => {
        this.#running = undefined;
        this.#onAnswer(group, answer, now);
        done();
      },
    );
  }

  /** Cancels the pending check. */
  stop(): void {
    this.#running?.cancel();
    this.#running = undefined;
  }

  #onAnswer(
    group: MulticastGroup,
    answer: SaResult<McMemberRecord>,
    now: Millis,
  ): void {
    const { groups, onLost } = this.#parts;
    if (!answer.ok && answer.status === MadStatus.Ok) {
      for (const each of groups.values()) {
        this.schedule(each, now);
        each.checkFailure = answer;
      }
      return;
    }
    const lost = answer.ok
      ? answer.record.mlid !== group.record?.mlid
      : answer.status === MadStatus.NoRecords;
    if (!lost) group.checkFailure = answer.ok ? undefined : answer;
    else if (group.progress === "joined") {
      onLost(group, answer.ok ? answer.record.mlid : undefined);
    }
  }

  #next(): MulticastGroup | undefined {
    let next: MulticastGroup | undefined;
    for (const group of this.#parts.groups.values()) {
      if (group.progress !== "joined") continue;
      if (!next || group.checkAt < next.checkAt) next = group;
    }
    return next;
  }
}
