/**
 * The memberships of a port, shared by its interfaces.
 *
 * The administrator knows a port and not its interfaces: two of them on the same partition are one member of their groups,
 * and a group is left when the last of them goes (Linux core/multicast.c counts likewise). Each kind of join counts by
 * itself. A leave is repeated when it is not answered; the next join of its kind ends that, or it would undo the join.
 *
 * Nor does it know the other users of the port (other_holders.ts). While another one holds a membership the group is not left.
 * What was not left for the kernel's sake is left when the kernel's interface is gone; the number of such memberships is
 * bounded, because a user who joins ever more groups must not leave all of them behind in the subnet.
 */

import { Counters } from "../base/counters.ts";
import type { Millis } from "../base/units.ts";
import { gidKey } from "../wire/gid.ts";
import type { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import type { SaClient } from "./client.ts";
import {
  type Membership,
  NO_OTHER_HOLDERS,
  type OtherHolders,
} from "./other_holders.ts";
import type { MembershipRequest } from "./requests.ts";
import type { SaCallback, SaRequest } from "./result.ts";

/** Leaves under way at most; beyond, the oldest is not repeated any more. */
export const MAX_LEAVES = 1024;
/** Memberships that are not left for the kernel's sake at most; beyond, the oldest is left all the same. */
export const MAX_WITHHELD = 512;

/** A leave under way. */
interface Leave {
  readonly membership: Membership;
  readonly request: SaRequest;
}

export class Memberships {
  readonly #sa: Pick<SaClient, "join" | "leave" | "get">;
  readonly #others: OtherHolders;
  /** Who has or asks for a membership. */
  readonly #holders = new Map<string, Set<object>>();
  /** Leaves under way, the oldest first. */
  readonly #leaves = new Map<string, Leave>();
  /** Memberships that the kernel may hold, the oldest first. */
  readonly #withheld = new Map<string, MembershipRequest>();
  /** Leaves that were not sent because another one holds the membership, and those that were no longer repeated. */
  readonly #counters = new Counters(["leaves_withheld", "leaves_given_up"]);

  constructor(
    sa: Pick<SaClient, "join" | "leave" | "get">,
    others: OtherHolders = NO_OTHER_HOLDERS,
  ) {
    this.#sa = sa;
    this.#others = others;
  }

  /** Joins a group for `holder`. */
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
    const holders = this.#holders.get(key);
    if (holders) holders.add(holder);
    else {
      this.#holders.set(key, new Set([holder]));
      this.#others.hold(record);
    }
    return this.#sa.join(request, now, (answer, now) => {
      if (!answer.ok && this.#release(key, holder)) this.#others.free(record);
      callback(answer, now);
    });
  }

  /** Leaves it, unless somebody else is there. */
  leave(holder: object, request: MembershipRequest, now: Millis): void {
    if (this.#release(keyOf(request.record), holder)) this.#leave(request, now);
  }

  /** Asks whether the port is a member; see {@linkcode membershipCheck}. */
  check(
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    return this.#sa.get(request, now, callback);
  }

  /** The kernel's interface is gone: what was not left for its sake is left now. */
  leaveWithheld(now: Millis): void {
    const requests = [...this.#withheld.values()];
    this.#withheld.clear();
    for (const request of requests) this.#leave(request, now);
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  #leave(request: MembershipRequest, now: Millis): void {
    const { record } = request;
    const key = keyOf(record);
    this.#endLeave(key);
    const others = this.#others.tryLeave(record);
    if (others === "none") this.#send(key, request, now);
    else {
      this.#counters.add("leaves_withheld");
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
    const ended = () => {
      this.#leaves.delete(key);
      this.#others.free(membership);
    };
    const leave = this.#sa.leave(request, now, ended);
    this.#leaves.set(key, { membership, request: leave });
  }

  /** True if no holder in this process has it any longer. */
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
