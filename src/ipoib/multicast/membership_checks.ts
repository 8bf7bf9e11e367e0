/**
 * Checks whether the port is still a member of its groups: another program on the port may have left one, which takes it from
 * all, and nobody tells (other_holders.ts in sa).
 *
 * One check at a time: each group's after 30 to 60 s, at random, and all of them soon when the kernel's interface on the port
 * went down. While the administrator does not answer, all checks are put off.
 */

import type { Millis } from "../../base/units.ts";
import type { SaRequest, SaResult } from "../../sa/result.ts";
import type { Memberships } from "../../sa/memberships.ts";
import { membershipCheck } from "../../sa/requests.ts";
import { MadStatus } from "../../wire/mad.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { MEMBERSHIP_CHECK_MS } from "../constants.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** What the checks work with. */
export interface MembershipCheckParts {
  readonly memberships: Memberships;
  /** The groups of the interface. */
  readonly groups: ReadonlyMap<string, MulticastGroup>;
  /** The port's own GID. */
  readonly portGid: () => Uint8Array;
  /** Called when the port is no member of a group any longer. */
  readonly onLost: (group: MulticastGroup) => void;
}

export class MembershipChecks {
  readonly #parts: MembershipCheckParts;
  #running: SaRequest | undefined;

  constructor(parts: MembershipCheckParts) {
    this.#parts = parts;
  }

  /** A group was joined: it is checked some time from now. */
  begin(group: MulticastGroup, now: Millis): void {
    group.checkAt = now + MEMBERSHIP_CHECK_MS * (1 + Math.random());
  }

  /** All groups are to be checked soon. */
  hurry(now: Millis): void {
    for (const group of this.#parts.groups.values()) group.checkAt = now;
  }

  /** When {@linkcode run} has something to do, or Infinity. */
  get deadline(): Millis {
    return this.#running ? Infinity : this.#next()?.checkAt ?? Infinity;
  }

  /** Begins the check that is due, if any; `done` is called when it ends. */
  run(now: Millis, done: () => void): void {
    const group = this.#running ? undefined : this.#next();
    if (!group || group.checkAt > now) return;
    this.begin(group, now);
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

  /** Ends the check under way. */
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
    if (!answer.ok && answer.status === 0) {
      for (const each of groups.values()) this.begin(each, now);
      return;
    }
    const lost = answer.ok
      ? answer.record.mlid !== group.record?.mlid
      : answer.status === MadStatus.NoRecords;
    if (lost && group.progress === "joined") onLost(group);
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
