/**
 * The joins and leaves of an interface's multicast groups (as in Linux ipoib_multicast.c).
 *
 * A join that fails is repeated with exponential backoff, except that of a send-only group, which after two failures is
 * joined again with its next packet. The reason of a refusal is looked up before it is reported (join_inquiries.ts).
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { hex } from "../../base/hex.ts";
import type { Logger } from "../../base/log.ts";
import { formatRate } from "../../base/rates.ts";
import { formatMtuCode, type Millis } from "../../base/units.ts";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
  type MembershipRequest,
} from "../../sa/requests.ts";
import type { SaFailure, SaResult } from "../../sa/result.ts";
import { formatGid } from "../../wire/gid.ts";
import { formatMadStatus } from "../../wire/mad.ts";
import {
  JoinState,
  type McMemberRecord,
} from "../../wire/sa/mc_member_record.ts";
import type { EngineContext } from "../context.ts";
import type { DebugLog } from "../debug_log.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { GroupEvents } from "./group_events.ts";
import type { GroupUse } from "./group_use.ts";
import { JoinInquiries } from "./join_inquiries.ts";
import { logFailure } from "./join_log.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** Dependencies of {@linkcode GroupJoins}. */
export interface GroupJoinParts {
  readonly context: Pick<
    EngineContext,
    "memberships" | "port" | "reactor" | "sa"
  >;
  readonly identity: LinkIdentity;
  readonly log: Logger;
  readonly debug: DebugLog;
  readonly events: GroupEvents;
  readonly use: GroupUse;
  /** Returns the broadcast group, whose record has the parameters of other joins. */
  readonly broadcast: () => MulticastGroup | undefined;
  /** Called when a group can be used, before it counts as joined. If it throws, the join has failed. */
  readonly onUsable: (group: MulticastGroup, record: McMemberRecord) => void;
  /** Called when a group is joined. */
  readonly onJoined: (group: MulticastGroup, now: Millis) => void;
  /** Called when the reason of a failure is known, or cannot be found. */
  readonly onReason: () => void;
  /** Called when a join has ended, with or without success. A retry may be scheduled. */
  readonly onEnd: () => void;
}

/** Holder of the interface's memberships (sa/port_memberships.ts). */
export class GroupJoins {
  readonly #parts: GroupJoinParts;
  readonly #inquiries: JoinInquiries;

  constructor(parts: GroupJoinParts) {
    this.#parts = parts;
    const { context: { sa, port }, identity } = parts;
    this.#inquiries = new JoinInquiries({
      ...{ sa, port, identity },
      onEnd: (group) => this.#reportFailure(group),
    });
  }

  /** Joins a group, or joins it again. Packets are sent to it meanwhile if it has a handle. */
  join(group: MulticastGroup, now: Millis): void {
    if (this.#inquiries.forget(group)) this.#reportFailure(group);
    group.cancel?.();
    group.progress = "joining";
    group.stale = false;
    group.retryAt = Infinity;
    this.#parts.debug.multicast(() => `joining MGID ${formatGid(group.mgid)}`);
    const { memberships } = this.#parts.context;
    group.request = this.#request(group);
    const handle = memberships.join(
      this,
      group.request,
      now,
      (answer) => this.#onAnswer(group, answer),
    );
    group.cancel = () => handle.cancel();
  }

  /** Cancels the join of a group, detaches the queue pair, and leaves the group if the port may be a member. */
  leave(group: MulticastGroup, now: Millis): void {
    const { use, identity, debug, context: { memberships } } = this.#parts;
    if (this.#inquiries.forget(group)) this.#logFailure(group);
    // The administrator may have processed a join whose response has not arrived, or was lost.
    const unanswered = group.cancel !== undefined ||
      group.failure === Errno.ETIMEDOUT;
    group.cancel?.();
    group.cancel = undefined;
    group.progress = "idle";
    use.detach(group);
    if (!group.record && !unanswered) return;
    debug.multicast(() => `leaving MGID ${formatGid(group.mgid)}`);
    const request = groupLeave(group.mgid, identity.gid, joinStateOf(group));
    memberships.leave(this, request, now);
  }

  /** Ends the inquiries about refused joins; their reasons stay unknown. */
  stopInquiries(): void {
    for (const group of this.#inquiries.stop()) this.#logFailure(group);
  }

  #request(group: MulticastGroup): MembershipRequest {
    const { identity: { gid, pkey }, broadcast } = this.#parts;
    const link = broadcast();
    return group === link || !link?.record
      ? broadcastJoin(group.mgid, gid, pkey)
      : groupJoin(group.mgid, gid, link.record, joinStateOf(group));
  }

  #onAnswer(group: MulticastGroup, answer: SaResult<McMemberRecord>): void {
    group.cancel = undefined;
    this.#parts.debug.multicast(() => {
      const status = answer.ok ? 0 : -answer.errno;
      return `join completion for ${formatGid(group.mgid)} (status ${status})`;
    });
    if (answer.ok) this.#joined(group, answer.record);
    else this.#failed(group, answer);
    this.#parts.onEnd();
  }

  #joined(group: MulticastGroup, record: McMemberRecord): void {
    const { use, events, log, debug, onUsable, onJoined } = this.#parts;
    const usable = group.ah !== undefined;
    const before = usable ? group.record : undefined;
    try {
      use.begin(group, record);
      events.joined(group, before);
      onUsable(group, record);
    } catch (error) {
      // A local failure, such as a full attach table, counts as a refusal (as in Linux ipoib_mcast_join_finish).
      const refusal = IpoibError.from(error);
      log.debug(refusal.message);
      if (!usable) use.dropHandle(group);
      const errno = refusal.errno ?? Errno.EINVAL;
      this.#failed(group, { status: 0, errno }, refusal.hint);
      return;
    }
    group.progress = "joined";
    debug.decision(() =>
      `Group ${formatGid(group.mgid)} is joined: ${parametersOf(record)}`
    );
    group.failure = group.obstacle = group.inquiry = undefined;
    group.checkFailure = undefined;
    group.resetBackOff();
    onJoined(group, this.#now());
  }

  /** Schedules the retry of a failed join. A refusal is reported when its reason is known. */
  #failed(
    group: MulticastGroup,
    { errno, status, unsent = false }: SaFailure,
    remedy?: string,
  ): void {
    const { use, debug } = this.#parts;
    const now = this.#now();
    group.failure = errno;
    group.failureStatus = status;
    group.remedy = remedy;
    group.unsent = unsent;
    group.failures++;
    if (!this.#inquiries.start(group, now)) this.#reportFailure(group);
    else {
      debug.decision(() =>
        `The reason why the join of ${
          formatGid(group.mgid)
        } was refused with status ${formatMadStatus(status)} is looked up`
      );
    }
    if (group.sendOnly && group.failures >= 2) {
      debug.decision(() =>
        `Send-only group ${
          formatGid(group.mgid)
        } is joined again with the next packet only`
      );
      group.progress = "idle";
      group.resetBackOff();
      // The refusal also ends a membership from before a client reregister.
      use.dropHandle(group);
      group.queue.drop("tx_group_failed");
      return;
    }
    group.progress = "waiting";
    group.backOff(now);
    debug.decision(() =>
      `Join of ${formatGid(group.mgid)} is tried again in ${
        group.backoff.last / 1000
      } s`
    );
  }

  #reportFailure(group: MulticastGroup): void {
    this.#logFailure(group);
    this.#parts.onReason();
  }

  #logFailure(group: MulticastGroup): void {
    const { log, debug, events } = this.#parts;
    logFailure(log, debug, group);
    events.refused(group);
  }

  #now(): Millis {
    return this.#parts.context.reactor.clock.now();
  }
}

/** Returns the parameters of a group as text. */
function parametersOf({ mlid, qkey, mtu, rate, sl }: McMemberRecord): string {
  return `MLID ${hex(mlid)}, Q_Key ${hex(qkey, 8)}, MTU ${
    formatMtuCode(mtu)
  }, rate ${formatRate(rate)}, SL ${sl}`;
}

function joinStateOf(group: MulticastGroup): number {
  return group.sendOnly ? JoinState.SendOnlyFullMember : JoinState.FullMember;
}
