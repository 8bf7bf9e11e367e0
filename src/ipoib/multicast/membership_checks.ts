/**
 * Checks whether the port is still a member of its groups. A leave by another program on the port ends the membership
 * for all programs without notice (sa/other_holders.ts).
 *
 * Each group is checked after 30 to 60 s (paced_checks.ts). When a leave by another program is likely, such as after the
 * kernel's interface on the port went down, the checks of all groups are due immediately. If the administrator does not
 * respond, all checks are postponed. A check that was refused or not answered does not end a membership; the group has
 * the failure (`checkFailure`) until a later check has a result.
 */

import { hex } from "../../base/hex.ts";
import type { Millis } from "../../base/units.ts";
import type { PortMemberships } from "../../sa/port_memberships.ts";
import type { SaFailure, SaResult } from "../../sa/result.ts";
import { formatGid } from "../../wire/gid.ts";
import { formatMadStatus, MadStatus } from "../../wire/mad.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import type { DebugLog } from "../debug_log.ts";
import type { MulticastGroup } from "./multicast_group.ts";
import { PacedChecks } from "./paced_checks.ts";

/** Dependencies of {@linkcode MembershipChecks}. */
export interface MembershipCheckParts {
  readonly memberships: Pick<PortMemberships, "check">;
  /** The groups of the interface. */
  readonly groups: ReadonlyMap<string, MulticastGroup>;
  /** Returns the GID of the port, 16 bytes. */
  readonly portGid: () => Uint8Array;
  readonly debug: DebugLog;
  /** Called when the port is no longer a member of a group, or when the group has another MLID, which is given. */
  readonly onLost: (group: MulticastGroup, mlid: number | undefined) => void;
}

export class MembershipChecks {
  readonly #parts: MembershipCheckParts;
  readonly #checks: PacedChecks<MulticastGroup>;

  constructor(parts: MembershipCheckParts) {
    this.#parts = parts;
    this.#checks = new PacedChecks({
      ...parts,
      groups: () => joined(parts.groups),
      onAnswer: (group, answer) => this.#onAnswer(group, answer),
      onNoAnswer: (failure, now) => this.#postpone(failure, now),
    });
  }

  /** See {@linkcode PacedChecks.schedule}. */
  schedule(group: MulticastGroup, now: Millis): void {
    this.#checks.schedule(group, now);
  }

  /** Makes the checks of all groups due. */
  expedite(now: Millis): void {
    for (const group of this.#parts.groups.values()) group.checkAt = now;
  }

  /** See {@linkcode PacedChecks.deadline}. */
  get deadline(): Millis {
    return this.#checks.deadline;
  }

  /** See {@linkcode PacedChecks.run}. */
  run(now: Millis, done: () => void): void {
    this.#checks.run(now, done);
  }

  /** Cancels the pending check. */
  stop(): void {
    this.#checks.stop();
  }

  #onAnswer(group: MulticastGroup, answer: SaResult<McMemberRecord>): void {
    const { onLost, debug } = this.#parts;
    debug.decision(() => {
      const result = answer.ok
        ? `the port is a member, MLID ${hex(answer.record.mlid)}`
        : `status ${formatMadStatus(answer.status)}, errno ${answer.errno}`;
      return `Membership check of ${formatGid(group.mgid)}: ${result}`;
    });
    const lost = answer.ok
      ? answer.record.mlid !== group.record?.mlid
      : answer.status === MadStatus.NoRecords;
    if (lost) onLost(group, answer.ok ? answer.record.mlid : undefined);
    else group.checkFailure = answer.ok ? undefined : answer;
  }

  #postpone(failure: SaFailure, now: Millis): void {
    const { groups, debug } = this.#parts;
    debug.decision(() =>
      `No answer to a membership check, errno ${failure.errno}: all checks are postponed`
    );
    for (const group of groups.values()) {
      this.schedule(group, now);
      group.checkFailure = failure;
    }
  }
}

/** The groups to check. A group that is being joined is not one: the answer to its join says more. */
function* joined(
  groups: ReadonlyMap<string, MulticastGroup>,
): Iterable<MulticastGroup> {
  for (const group of groups.values()) {
    if (group.progress === "joined") yield group;
  }
}
