/**
 * Queries to the administrator whether the port is a member of groups, one at a time. Each group is checked after a
 * random interval of 30 to 60 s, which spreads the queries of many interfaces. The answer to a check has no effect if
 * the group was removed meanwhile.
 */

import type { Millis } from "../../base/units.ts";
import type { PortMemberships } from "../../sa/port_memberships.ts";
import { membershipCheck } from "../../sa/requests.ts";
import type { SaFailure, SaRequest, SaResult } from "../../sa/result.ts";
import { MadStatus } from "../../wire/mad.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { MEMBERSHIP_CHECK_MS } from "../constants.ts";

/** A group to check. */
export interface CheckedGroup {
  /** 16 bytes. */
  readonly mgid: Uint8Array;
  /** Time of the next check. */
  checkAt: Millis;
}

/** Dependencies of {@linkcode PacedChecks}. */
export interface PacedCheckParts<T extends CheckedGroup> {
  readonly memberships: Pick<PortMemberships, "check">;
  /** Returns the GID of the port, 16 bytes. */
  readonly portGid: () => Uint8Array;
  /** Returns the groups to check. */
  readonly groups: () => Iterable<T>;
  /** Called with the answer to the check of a group that is still to be checked; a record has the group's MLID. */
  readonly onAnswer: (
    group: T,
    answer: SaResult<McMemberRecord>,
    now: Millis,
  ) => void;
  /** Called when the administrator has not answered a check. That of the other groups would have no answer either. */
  readonly onNoAnswer: (failure: SaFailure, now: Millis) => void;
}

export class PacedChecks<T extends CheckedGroup> {
  readonly #parts: PacedCheckParts<T>;
  #running: SaRequest | undefined;

  constructor(parts: PacedCheckParts<T>) {
    this.#parts = parts;
  }

  /** Schedules the next check of a group, 30 to 60 s from now. */
  schedule(group: T, now: Millis): void {
    group.checkAt = now + MEMBERSHIP_CHECK_MS * (1 + Math.random());
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
        this.#onEnd(group, answer, now);
        done();
      },
    );
  }

  /** Cancels the pending check. */
  stop(): void {
    this.#running?.cancel();
    this.#running = undefined;
  }

  #onEnd(group: T, answer: SaResult<McMemberRecord>, now: Millis): void {
    const { groups, onAnswer, onNoAnswer } = this.#parts;
    if (!answer.ok && answer.status === MadStatus.Ok) onNoAnswer(answer, now);
    else if ([...groups()].includes(group)) onAnswer(group, answer, now);
  }

  #next(): T | undefined {
    let next: T | undefined;
    for (const group of this.#parts.groups()) {
      if (!next || group.checkAt < next.checkAt) next = group;
    }
    return next;
  }
}
