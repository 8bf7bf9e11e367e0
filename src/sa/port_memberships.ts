/**
 * Multicast group memberships of a port, shared by its interfaces.
 *
 * The administrator records one membership for each port and group. Interfaces of the port on the same partition share
 * it, and the last holder leaves the group (as in Linux core/multicast.c). Each join state has its own holders. If those
 * that remain only wait for the responses to their joins, and all of these fail, the group is left then. The SA client
 * retransmits an unanswered leave; the next join with the same join state cancels the leave, because a retransmission
 * would undo the join.
 *
 * Other users of the port (other_holders.ts) share the membership too, so no leave is sent while another process or the
 * kernel holds it. Leaves withheld for the kernel are sent when the kernel's interface is gone. Their number is
 * bounded, so that a program that joins more and more groups cannot leave an unlimited number of stale memberships.
 */

import { Counters } from "../base/counters.ts";
import { Errno } from "../base/errno.ts";
import { explain, getLogger, type Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import { formatGid, gidKey } from "../wire/gid.ts";
import { JoinState, type McMemberRecord } from "../wire/sa/mc_member_record.ts";
import type { SaClient } from "./client.ts";
import {
  type Membership,
  NO_OTHER_HOLDERS,
  type OtherHolders,
} from "./other_holders.ts";
import type { MembershipRequest } from "./requests.ts";
import type { SaCallback, SaRequest, SaResult } from "./result.ts";

/** Maximum number of pending leaves. A further leave cancels the retransmission of the oldest. */
export const MAX_LEAVES = 1024;
/** Maximum number of leaves withheld for the kernel. A further one sends the oldest. */
export const MAX_WITHHELD = 512;

/** A pending leave. */
interface Leave {
  readonly membership: Membership;
  readonly request: SaRequest;
}

export class PortMemberships {
  readonly #sa: Pick<SaClient, "join" | "leave" | "get">;
  readonly #others: OtherHolders;
  readonly #log: Logger;
  /** Holders of each membership, including those whose join is pending: true for those that have joined. */
  readonly #holders = new Map<string, Map<object, boolean>>();
  /** Leaves of the memberships that only pending joins hold, due when the last of these fails. */
  readonly #deferred = new Map<string, MembershipRequest>();
  /** Pending leaves, oldest first. */
  readonly #leaves = new Map<string, Leave>();
  /** Leaves withheld for the kernel, oldest first. */
  readonly #withheld = new Map<string, MembershipRequest>();
  /**
   * Leaves withheld because of another holder, leaves cancelled beyond {@linkcode MAX_LEAVES}, leaves that the
   * administrator has refused, because it has no such membership, and leaves that were not sent, or not repeated, because
   * the port was down.
   */
  readonly #counters = new Counters([
    "leaves_withheld",
    "leaves_given_up",
    "leaves_refused",
    "leaves_unsent",
  ]);

  constructor(
    sa: Pick<SaClient, "join" | "leave" | "get">,
    others: OtherHolders = NO_OTHER_HOLDERS,
    log: Logger = getLogger(),
  ) {
    this.#log = log;
    this.#sa = sa;
    this.#others = others;
  }

  /**
   * Joins a group for `holder`. If a join fails, the holder keeps the membership that it had: it may go on using it, and
   * the administrator may still have it.
   */
  join(
    holder: object,
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    const { record } = request;
    const key = keyOf(record);
    this.#endLeave(key);
    this.#withheld.delete(key);
    let holders = this.#holders.get(key);
    if (!holders) {
      this.#holders.set(key, holders = new Map());
      this.#others.hold(record);
    }
    const joined = holders.get(holder) ?? false;
    holders.set(holder, joined);
    return this.#sa.join(request, now, (answer, now) => {
      if (answer.ok) this.#joined(key, holder);
      else if (!joined && this.#release(key, holder)) {
        this.#joinFailed(record, now);
      }
      callback(answer, now);
    });
  }

  /** Releases the membership of `holder`. The last holder leaves the group, unless another user of the port has it. */
  leave(holder: object, request: MembershipRequest, now: Millis): void {
    const key = keyOf(request.record);
    if (this.#release(key, holder)) {
      this.#deferred.delete(key);
      this.#leave(request, now);
      return;
    }
    const joined = [...this.#holders.get(key)!.values()].includes(true);
    if (!joined) this.#deferred.set(key, request);
  }

  /**
   * Returns true if the port may be a member of a group for this process: an interface holds the membership, or its leave
   * is pending or withheld.
   */
  isOwn(mgid: Uint8Array): boolean {
    return [JoinState.FullMember, JoinState.SendOnlyFullMember].some(
      (joinState) => {
        const key = keyOf({ mgid, joinState });
        return [this.#holders, this.#leaves, this.#withheld].some((each) =>
          each.has(key)
        );
      },
    );
  }

  /** Queries whether the port is a member; see `membershipCheck` in requests.ts. */
  check(
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    return this.#sa.get(request, now, callback);
  }

  /** Sends the withheld leaves. Called when the kernel's interface is gone. */
  leaveWithheld(now: Millis): void {
    const requests = [...this.#withheld.values()];
    this.#withheld.clear();
    for (const request of requests) this.#leave(request, now);
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  #joined(key: string, holder: object): void {
    this.#holders.get(key)?.set(holder, true);
    this.#deferred.delete(key);
  }

  /** The last holder's join has failed. */
  #joinFailed(record: Membership, now: Millis): void {
    const key = keyOf(record);
    const deferred = this.#deferred.get(key);
    this.#deferred.delete(key);
    if (deferred) this.#leave(deferred, now);
    else this.#others.free(record);
  }

  #leave(request: MembershipRequest, now: Millis): void {
    const { record } = request;
    const key = keyOf(record);
    this.#endLeave(key);
    const others = this.#others.tryLeave(record);
    if (others === "none") this.#send(key, request, now);
    else {
      this.#counters.add("leaves_withheld");
      explain(
        this.#log,
        () =>
          `The leave of ${formatGid(record.mgid)} is withheld: ${
            others === "kernel" ? "the kernel" : "another process"
          } is a member on this port`,
      );
      if (others === "kernel") this.#withhold(key, request, now);
    }
  }

  #withhold(key: string, request: MembershipRequest, now: Millis): void {
    this.#withheld.set(key, request);
    if (this.#withheld.size <= MAX_WITHHELD) return;
    const [oldest] = this.#withheld;
    if (!oldest) return;
    this.#withheld.delete(oldest[0]);
    this.#send(...oldest, now);
  }

  #send(key: string, request: MembershipRequest, now: Millis): void {
    if (this.#leaves.size >= MAX_LEAVES) {
      const { value: oldest } = this.#leaves.keys().next();
      if (oldest !== undefined) this.#endLeave(oldest);
      this.#counters.add("leaves_given_up");
    }
    const membership = request.record;
    const ended = (answer: SaResult<McMemberRecord>) => {
      this.#leaves.delete(key);
      this.#others.free(membership);
      if (answer.ok) return;
      if (answer.status !== 0) this.#counters.add("leaves_refused");
      else if (answer.errno === Errno.ENETDOWN) {
        this.#counters.add("leaves_unsent");
      }
    };
    const leave = this.#sa.leave(request, now, ended);
    this.#leaves.set(key, { membership, request: leave });
  }

  /** Removes a holder. Returns true if no holder in this process remains. */
  #release(key: string, holder: object): boolean {
    const holders = this.#holders.get(key);
    holders?.delete(holder);
    if (holders && holders.size > 0) return false;
    this.#holders.delete(key);
    return true;
  }

  #endLeave(key: string): void {
    const leave = this.#leaves.get(key);
    if (!leave) return;
    leave.request.cancel();
    this.#leaves.delete(key);
    this.#others.free(leave.membership);
  }
}

function keyOf({ mgid, joinState }: Membership): string {
  return `${joinState} ${gidKey(mgid)}`;
}
