/**
 * The memberships of a port, shared by its interfaces.
 *
 * The administrator knows a port and not its interfaces: two of them on the same partition are one member of their groups,
 * and a group is left when the last of them goes (Linux core/multicast.c counts likewise). Each kind of join counts by
 * itself. A leave is repeated when it is not answered; the next join of its kind ends that, or it would undo the join.
 */

import type { Millis } from "../base/units.ts";
import { gidKey } from "../wire/gid.ts";
import type { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import type { SaClient } from "./client.ts";
import type { MembershipRequest } from "./requests.ts";
import type { SaCallback, SaRequest } from "./result.ts";

export class Memberships {
  readonly #sa: Pick<SaClient, "join" | "leave">;
  /** Who has or asks for a membership. */
  readonly #holders = new Map<string, Set<object>>();
  /** Leaves under way. */
  readonly #leaves = new Map<string, SaRequest>();

  constructor(sa: Pick<SaClient, "join" | "leave">) {
    this.#sa = sa;
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
    const holders = this.#holders.get(key);
    if (holders) holders.add(holder);
    else this.#holders.set(key, new Set([holder]));
    return this.#sa.join(request, now, (answer, now) => {
      if (!answer.ok) this.#release(key, holder);
      callback(answer, now);
    });
  }

  /** Leaves it, unless somebody else is there. */
  leave(holder: object, request: MembershipRequest, now: Millis): void {
    const key = keyOf(request.record);
    if (!this.#release(key, holder)) return;
    this.#endLeave(key);
    this.#leaves.set(
      key,
      this.#sa.leave(request, now, () => this.#leaves.delete(key)),
    );
  }

  /** True if nobody else has it. */
  #release(key: string, holder: object): boolean {
    const holders = this.#holders.get(key);
    holders?.delete(holder);
    if (holders && holders.size > 0) return false;
    this.#holders.delete(key);
    return true;
  }

  #endLeave(key: string): void {
    this.#leaves.get(key)?.cancel();
    this.#leaves.delete(key);
  }
}

function keyOf({ mgid, joinState }: McMemberRecord): string {
  return `${joinState} ${gidKey(mgid)}`;
}
