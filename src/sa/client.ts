/**
 * The client of the subnet administrator: what ib_ipoib asks, paths and group memberships.
 *
 * It works over any {@linkcode MadAgent} of the class SubnAdm: the same against OpenSM and against the embedded subnet
 * (ipoib/open_sa_client.ts puts it on a port). The agent's owner passes its MADs to {@linkcode SaClient.onMad} and calls
 * {@linkcode SaClient.tick} when the time of `wakeAt` has come. Callbacks run inside `onMad` or `tick` and may make new
 * requests. It subscribes to nothing, so Reports are ignored like any other MAD that answers no request.
 */

import type { Millis } from "../base/units.ts";
import type { MadAgent } from "../hca/hca.ts";
import { gsiAddress, type MadAddress, Method } from "../wire/mad.ts";
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

/** Time-outs of Linux's ib_ipoib and multicast code, in ms. */
const PATH_TIMEOUT: Millis = 1000;
const MEMBERSHIP_TIMEOUT: Millis = 3000;
/** A leave that fails is repeated this often (Linux `core/multicast.c`). */
const LEAVE_RETRIES = 3;

/** Where the administrator is, as the port's attributes have it. */
export interface ManagerLocation {
  /** 0 while there is none. */
  smLid: number;
  smSl: number;
  /** Index of 0xffff or 0x7fff in the P_Key table. */
  pkeyIndex: number;
}

export interface SaClientOptions {
  agent: Pick<MadAgent, "send">;
  /** Asked at each send. */
  location: () => ManagerLocation;
  /** Called with the time of the next {@linkcode SaClient.tick} when that changes, and after each; Infinity: there is none. */
  wakeAt: (when: Millis) => void;
}

export class SaClient {
  readonly #location: () => ManagerLocation;
  readonly #transactions: Transactions;

  constructor({ agent, location, wakeAt }: SaClientOptions) {
    this.#location = location;
    this.#transactions = new Transactions({
      send: (mad, to) => agent.send(mad, to),
      address: () => {
        const { smLid, smSl, pkeyIndex } = location();
        return smLid === 0 ? undefined : gsiAddress(smLid, pkeyIndex, smSl);
      },
      wakeAt,
    });
  }

  /** Does what is due. */
  tick(now: Millis): void {
    this.#transactions.tick(now);
  }

  /** Takes a MAD of the class SubnAdm that arrived; what does not come from the administrator is ignored. */
  onMad(mad: Uint8Array, from: MadAddress, now: Millis): void {
    if (from.lid === this.#location().smLid) {
      this.#transactions.onAnswer(mad, now);
    }
  }

  /** Asks for the path to a GID, as ib_ipoib does. */
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
        timeout: PATH_TIMEOUT,
        parse: PathRecord.parse,
      },
      now,
      callback,
    );
  }

  /** Joins a group; see requests.ts for what ib_ipoib asks. */
  join(
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    return this.#member(Method.Set, request, now, callback);
  }

  /** Leaves a group. A leave that fails is repeated {@linkcode LEAVE_RETRIES} times before the callback hears of it. */
  leave(
    request: MembershipRequest,
    now: Millis,
    callback: SaCallback<McMemberRecord>,
  ): SaRequest {
    let retries = LEAVE_RETRIES;
    let current: SaRequest;
    const attempt = (now: Millis): SaRequest =>
      this.#member(Method.Delete, request, now, (result, now) => {
        if (result.ok || retries-- === 0) callback(result, now);
        else current = attempt(now);
      });
    current = attempt(now);
    return { cancel: () => current.cancel() };
  }

  /** Asks for the record of one group. */
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
        timeout: MEMBERSHIP_TIMEOUT,
        parse: McMemberRecord.parse,
        ...method === Method.Delete
          ? { whenEnded: { ...record, joinState: 0 } }
          : {},
      },
      now,
      callback,
    );
  }
}
