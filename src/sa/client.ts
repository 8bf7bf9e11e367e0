/**
 * Subnet administration (SA) client: requests paths and multicast group memberships, as Linux ib_ipoib does.
 *
 * The client works over any {@linkcode MadAgent} of the class SubnAdm, with OpenSM or with the embedded subnet;
 * ipoib/open_sa_client.ts opens a client on a port. The owner of the agent passes received MADs to
 * {@linkcode SaClient.onMad} and calls {@linkcode SaClient.tick} at the time given to `wakeAt`. Callbacks run inside
 * `onMad` or `tick` and may start new requests. The client has no subscriptions: it ignores Reports and all other MADs
 * that match no pending request.
 */

import { Errno } from "../base/errno.ts";
import type { Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { MadAgent } from "../hca/hca.ts";
import {
  gsiAddress,
  type MadAddress,
  type MadGrh,
  MadStatus,
  Method,
} from "../wire/mad.ts";
import { formatGid } from "../wire/gid.ts";
import { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { PathRecord } from "../wire/sa/path_record.ts";
import { SaAttribute } from "../wire/sa/sa_mad.ts";
import {
  type MembershipRequest,
  type PathRequest,
  pathRequest,
} from "./requests.ts";
import type { SaCallback, SaRequest } from "./result.ts";
import { Transactions } from "./transactions.ts";

/** Request time-outs in ms, from Linux ib_ipoib (paths) and `core/multicast.c` (memberships). */
const PATH_TIMEOUT: Millis = 1000;
const MEMBERSHIP_TIMEOUT: Millis = 3000;
/** Number of new requests after a leave has failed (Linux `core/multicast.c`). */
const LEAVE_RETRIES = 3;

/** Address of the administrator, from the port attributes. */
export interface ManagerLocation {
  /** 0 if the port has no subnet manager. */
  smLid: number;
  smSl: number;
  /** Index of 0xffff or 0x7fff in the P_Key table. */
  pkeyIndex: number;
  /** Present if requests have a GRH. */
  grh?: MadGrh;
}

export interface SaClientOptions {
  agent: Pick<MadAgent, "send">;
  /** Returns the address of the administrator. Called for each transmission and each received MAD. */
  location: () => ManagerLocation;
  /** Returns true if the port is active. Other ports send no leaves. */
  active: () => boolean;
  /**
   * Called with the time of the next {@linkcode SaClient.tick} after each tick, and when a new request is due earlier.
   * Infinity: no request is pending.
   */
  wakeAt: (when: Millis) => void;
  log?: Logger | undefined;
}

export class SaClient {
  readonly #location: () => ManagerLocation;
  readonly #active: () => boolean;
  readonly #transactions: Transactions;

  constructor({ agent, location, active, wakeAt, log }: SaClientOptions) {
    this.#location = location;
    this.#active = active;
    this.#transactions = new Transactions({
      send: (mad, to) => agent.send(mad, to),
      address: () => {
        const { smLid, smSl, pkeyIndex, grh } = location();
        if (smLid === 0) return undefined;
        const address = gsiAddress(smLid, pkeyIndex, smSl);
        return grh === undefined ? address : { ...address, grh };
      },
      wakeAt,
      log,
    });
  }

  /** Retransmits or fails the requests that are due at `now`. */
  tick(now: Millis): void {
    this.#transactions.tick(now);
  }

  /** Handles a received MAD of the class SubnAdm. Ignores MADs from other LIDs than the administrator's. */
  onMad(mad: Uint8Array, from: MadAddress, now: Millis): void {
    if (from.lid === this.#location().smLid) {
      this.#transactions.onAnswer(mad, now);
    }
  }

  /** Handles the failure to send a request: see {@linkcode MadAgent.onSendFailed}. */
  onSendFailed(transactionId: number, errno: number): void {
    this.#transactions.onSendFailed(transactionId, errno);
  }

  /** Requests the path to a GID (Linux `path_rec_start`). */
  queryPath(
    request: PathRequest,
    now: Millis,
    callback: SaCallback<PathRecord>,
  ): SaRequest {
    const { record, mask } = pathRequest(request);
    return this.#transactions.ask(
      {
        method: Method.Get,
        attribute: SaAttribute.PathRecord,
        componentMask: mask,
        data: PathRecord.emit(record),
        subject: () => formatGid(request.dgid),
        timeout: PATH_TIMEOUT,
        parse: PathRecord.parse,
      },
      now,
      callback,
    );
  }

  /** Joins a group. requests.ts builds the requests of ib_ipoib. */
  join(
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    return this.#member(Method.Set, request, now, callback);
  }

  /**
   * Leaves a group. Repeats a failed leave up to {@linkcode LEAVE_RETRIES} times before it reports the failure, unless
   * the administrator has refused it as invalid: it has no such membership, and would refuse the next one too. (The
   * kernel repeats it.)
   *
   * Memberships end when the port goes down. So a leave is neither sent nor repeated while the port is not active, and
   * fails with ENETDOWN. (The kernel forgets the memberships at IB_EVENT_PORT_ERR.)
   */
  leave(
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    let retries = LEAVE_RETRIES;
    let current: SaRequest;
    const attempt = (now: Millis): SaRequest =>
      this.#member(Method.Delete, request, now, (result, now) => {
        const ended = result.ok || result.status === MadStatus.RequestInvalid ||
          result.errno === Errno.ENETDOWN;
        if (ended || retries-- === 0) callback(result, now);
        else current = attempt(now);
      });
    current = attempt(now);
    return { cancel: () => current.cancel() };
  }

  /** Requests the record of one group. */
  get(
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    return this.#member(Method.Get, request, now, callback);
  }

  #member(
    method: number,
    { record, mask }: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    return this.#transactions.ask(
      {
        method,
        attribute: SaAttribute.McMemberRecord,
        componentMask: mask,
        data: McMemberRecord.emit(record),
        subject: () => formatGid(record.mgid),
        timeout: MEMBERSHIP_TIMEOUT,
        parse: McMemberRecord.parse,
        ...method === Method.Delete
          ? {
            whenEnded: { ...record, joinState: 0 },
            isPortDown: () => !this.#active(),
          }
          : {},
      },
      now,
      callback,
    );
  }
}
