/**
 * Asks the subnet administrator why it has refused a join: requests the record of the group, and compares it with the
 * request (join_obstacle.ts).
 *
 * If there is no record, a second query finds out whether the partition has a broadcast group that the group can be
 * created from; for a broadcast group itself, three queries search it in the other scopes of RFC 4392. The number of
 * queries is bounded: one inquiry runs at a time. A group is inquired about when the status of the refusal or the step
 * of the backoff is new, and then once per INQUIRY_INTERVAL_MS. No inquiry follows a failure without a reply, or with a
 * status that is not about the group. When a query gets no reply, all waiting inquiries end.
 */

import type { Millis } from "../../base/units.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { SaClient } from "../../sa/client.ts";
import { groupQuery } from "../../sa/requests.ts";
import type { SaRequest } from "../../sa/result.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import { MadStatus } from "../../wire/mad.ts";
import { broadcastMgid, MgidScope } from "../../wire/mgid.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { INQUIRY_INTERVAL_MS } from "../constants.ts";
import type { LinkIdentity } from "../link_identity.ts";
import {
  isConcealed,
  obstacleOfBroadcast,
  obstacleOfGroup,
  obstacleToCreation,
  type RefusedJoin,
} from "./join_obstacle.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** Statuses that are not about the group: of the MAD layer, of the administrator's state, and of the port's GID. */
const NOT_ABOUT_GROUP: readonly number[] = [
  MadStatus.Ok,
  MadStatus.Busy,
  MadStatus.Redirect,
  MadStatus.BadVersion,
  MadStatus.UnsupportedMethod,
  MadStatus.UnsupportedMethodAttribute,
  MadStatus.NoResources,
  MadStatus.InvalidGid,
];
/** Scopes of broadcast groups other than that of this program. */
const OTHER_SCOPES: readonly number[] = [
  MgidScope.SiteLocal,
  MgidScope.OrganisationLocal,
  MgidScope.Global,
];

/** Dependencies of {@linkcode JoinInquiries}. */
export interface JoinInquiryParts {
  readonly sa: Pick<SaClient, "get">;
  readonly port: Pick<HcaPort, "attributes">;
  readonly identity: LinkIdentity;
  /** Called when the inquiry about a group has ended; its `obstacle` is undefined if the reason was not found. */
  readonly onEnd: (group: MulticastGroup) => void;
}

export class JoinInquiries {
  readonly #parts: JoinInquiryParts;
  /** The running inquiry and those that wait, oldest first. */
  readonly #inquiries = new Map<MulticastGroup, RefusedJoin>();
  #query: SaRequest | undefined;

  constructor(parts: JoinInquiryParts) {
    this.#parts = parts;
  }

  /**
   * Starts an inquiry about a refused join, if one is due. Returns false if none is; then the obstacle found before
   * remains, unless the status is not about the group. Call before the backoff of the group is increased.
   */
  start(group: MulticastGroup, now: Millis): boolean {
    const { request, failureStatus: status, inquiry: last } = group;
    const backoffMs = group.backoff.last;
    if (!request || NOT_ABOUT_GROUP.includes(status)) {
      group.obstacle = group.inquiry = undefined;
      return false;
    }
    const due = !last || last.status !== status || backoffMs > last.backoffMs ||
      now - last.at >= INQUIRY_INTERVAL_MS;
    if (!due) return false;
    group.inquiry = { at: now, status, backoffMs };
    const { port: { attributes: port }, identity: { pkey } } = this.#parts;
    this.#inquiries.set(group, { request, status, port, pkey });
    if (!this.#query) this.#run(now);
    return true;
  }

  /**
   * Ends the inquiry about a group without result, if there is one. If it is the running one, as at the retry of the
   * join, the administrator does not reply: all others end too. Returns false if there is none; `onEnd` is not called
   * for the group.
   */
  forget(group: MulticastGroup): boolean {
    const [running] = this.#inquiries.keys();
    if (group === running) {
      this.#query?.cancel();
      this.#query = undefined;
      this.#endWaiting();
    }
    if (!this.#inquiries.delete(group)) return false;
    group.obstacle = undefined;
    return true;
  }

  /** Ends all inquiries without result; returns their groups. `onEnd` is not called. */
  stop(): MulticastGroup[] {
    const groups = [...this.#inquiries.keys()];
    this.#inquiries.clear();
    this.#query?.cancel();
    this.#query = undefined;
    return groups;
  }

  /** Starts the first inquiry, if any. */
  #run(now: Millis): void {
    this.#query = undefined;
    const [first] = this.#inquiries;
    if (!first) return;
    const [{ mgid, kind }, join] = first;
    this.#ask(mgid, now, (record, now) => {
      if (record) this.#end(obstacleOfGroup(join, record), now);
      else if (kind !== EthernetKind.Broadcast) this.#askForLink(join, now);
      else {
        const scopes = isConcealed(join.status) ? [] : OTHER_SCOPES;
        this.#askForScope(join, scopes, now);
      }
    });
  }

  #askForLink(join: RefusedJoin, now: Millis): void {
    const mgid = this.#parts.identity.broadcastMgid;
    this.#ask(mgid, now, (link, now) => {
      this.#end(obstacleToCreation(join, mgid, link), now);
    });
  }

  /** Searches the broadcast group in the given scopes, one after the other. */
  #askForScope(
    join: RefusedJoin,
    [scope, ...others]: readonly number[],
    now: Millis,
  ): void {
    if (scope === undefined) {
      this.#end(obstacleOfBroadcast(join, undefined), now);
      return;
    }
    const mgid = broadcastMgid(join.pkey, scope);
    this.#ask(mgid, now, (record, now) => {
      if (record) this.#end(obstacleOfBroadcast(join, mgid), now);
      else this.#askForScope(join, others, now);
    });
  }

  /** Requests the record of a group. Calls `found` with undefined if the administrator has none for this port. */
  #ask(
    mgid: Uint8Array,
    now: Millis,
    found: (record: McMemberRecord | undefined, now: Millis) => void,
  ): void {
    const query = groupQuery(mgid);
    this.#query = this.#parts.sa.get(query, now, (answer, now) => {
      if (answer.ok) found(answer.record, now);
      else if (answer.status === MadStatus.NoRecords) found(undefined, now);
      else {
        if (answer.status === MadStatus.Ok) this.#endWaiting();
        this.#end(undefined, now);
      }
    });
  }

  /** Ends the inquiries that wait for the running one. */
  #endWaiting(): void {
    const [, ...waiting] = this.#inquiries.keys();
    for (const group of waiting) {
      this.#inquiries.delete(group);
      group.obstacle = undefined;
      this.#parts.onEnd(group);
    }
  }

  #end(obstacle: string | undefined, now: Millis): void {
    const [group] = this.#inquiries.keys();
    if (!group) return;
    this.#inquiries.delete(group);
    group.obstacle = obstacle;
    this.#run(now);
    this.#parts.onEnd(group);
  }
}
