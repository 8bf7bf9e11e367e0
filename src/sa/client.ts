/**
 * The client of the subnet administrator: paths, group memberships, traps.
 *
 * It works over any {@linkcode MadAgent} of the class SubnAdm: the same against OpenSM and against the embedded subnet. The
 * agent's owner passes its MADs to {@linkcode SaClient.onMad} and calls {@linkcode SaClient.tick} when
 * {@linkcode SaClient.deadline} has come. On a change of the subnet manager it calls
 * {@linkcode SaClient.flush}. Callbacks run inside `onMad`, `tick` or `flush` and may make new requests.
 */

import type { Millis } from "../base/units.ts";
import type { MadAddress, MadAgent } from "../hca/hca.ts";
import {
  GSI_QKEY,
  GSI_QPN,
  MadHeader,
  Method,
  METHOD_RESPONSE,
} from "../wire/mad.ts";
import { ClassPortInfo } from "../wire/sa/class_port_info.ts";
import { InformInfo } from "../wire/sa/inform_info.ts";
import { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { Notice } from "../wire/sa/notice.ts";
import { PathRecord } from "../wire/sa/path_record.ts";
import { SA_DATA_OFFSET, SaAttribute } from "../wire/sa/sa_mad.ts";
import {
  type MembershipRequest,
  type PathRequest,
  pathRequest,
} from "./requests.ts";
import { EINTR, type SaCallback, type SaRequest } from "./result.ts";
import { Transactions } from "./transactions.ts";

/** Time-outs of Linux's ib_ipoib and multicast code, in ms. */
const PATH_TIMEOUT: Millis = 1000;
const MEMBERSHIP_TIMEOUT: Millis = 3000;
export const QUERY_TIMEOUT: Millis = 3000;
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
  /** Called with each Report, after it was answered; a Report that was repeated comes again. */
  onReport?: (notice: Notice) => void;
  /** The first TransactionID, 32 bits; tests and restarts may choose. */
  firstTransaction?: number;
}

export class SaClient {
  readonly #agent: Pick<MadAgent, "send">;
  readonly #location: () => ManagerLocation;
  readonly #onReport: (notice: Notice) => void;
  readonly #transactions: Transactions;

  constructor(options: SaClientOptions) {
    this.#agent = options.agent;
    this.#location = options.location;
    this.#onReport = options.onReport ?? (() => {});
    this.#transactions = new Transactions(
      (mad, to) => this.#agent.send(mad, to),
      () => this.#administrator(),
      options.firstTransaction,
    );
  }

  /** Requests under way. */
  get pending(): number {
    return this.#transactions.size;
  }

  /** When to call {@linkcode tick}, or Infinity. */
  get deadline(): Millis {
    return this.#transactions.deadline;
  }

  /** Does what is due; returns the next deadline, or Infinity. */
  tick(now: Millis): Millis {
    return this.#transactions.tick(now);
  }

  /** Gives all requests up with EINTR. */
  flush(now: Millis): void {
    this.#transactions.flush(now);
  }

  /** Takes a MAD of the class SubnAdm that arrived. */
  onMad(mad: Uint8Array, from: MadAddress, now: Millis): void {
    const header = MadHeader.parse(mad);
    if (!header) return;
    if (
      header.method === Method.Report &&
      header.attributeId === SaAttribute.Notice
    ) this.#report(mad, from);
    else if (
      (header.method & METHOD_RESPONSE) !== 0 &&
      from.lid === this.#location().smLid
    ) this.#transactions.onAnswer(mad, now);
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
        if (result.ok || result.errno === EINTR || retries-- === 0) {
          callback(result, now);
        } else current = attempt(now);
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

  /** Asks for all paths that fit, as many as there are. */
  listPaths(
    record: Partial<PathRecord>,
    mask: bigint,
    now: Millis,
    callback: SaCallback<PathRecord[]>,
  ): SaRequest {
    return this.#list(
      SaAttribute.PathRecord,
      mask,
      PathRecord.emit(PathRecord.of(record)),
      PathRecord.parse,
      now,
      callback,
    );
  }

  /** Asks for all groups that fit, as many as there are. */
  listGroups(
    record: Partial<McMemberRecord>,
    mask: bigint,
    now: Millis,
    callback: SaCallback<McMemberRecord[]>,
  ): SaRequest {
    return this.#list(
      SaAttribute.McMemberRecord,
      mask,
      McMemberRecord.emit(McMemberRecord.of(record)),
      McMemberRecord.parse,
      now,
      callback,
    );
  }

  /** Asks what the administrator can do. */
  classPortInfo(now: Millis, callback: SaCallback<ClassPortInfo>): SaRequest {
    return this.#transactions.ask(
      {
        method: Method.Get,
        attribute: SaAttribute.ClassPortInfo,
        componentMask: 0n,
        data: new Uint8Array(0),
        timeout: QUERY_TIMEOUT,
        parse: ClassPortInfo.parse,
      },
      now,
      callback,
    );
  }

  /** Subscribes to traps, or cancels a subscription; Reports go to `onReport`. */
  inform(
    info: InformInfo,
    now: Millis,
    callback: SaCallback<InformInfo>,
  ): SaRequest {
    return this.#transactions.ask(
      {
        method: Method.Set,
        attribute: SaAttribute.InformInfo,
        componentMask: 0n,
        data: InformInfo.emit(info),
        timeout: QUERY_TIMEOUT,
        parse: InformInfo.parse,
        ...info.subscribe ? {} : { whenEnded: info },
      },
      now,
      callback,
    );
  }

  #list<T>(
    attribute: number,
    componentMask: bigint,
    data: Uint8Array,
    parse: (table: Uint8Array, base: number) => T | undefined,
    now: Millis,
    callback: SaCallback<T[]>,
  ): SaRequest {
    return this.#transactions.askTable(
      {
        method: Method.GetTable,
        attribute,
        componentMask,
        data,
        timeout: QUERY_TIMEOUT,
        parse,
      },
      now,
      callback,
    );
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

  /** Answers a Report with its own MAD and tells the listener. */
  #report(mad: Uint8Array, from: MadAddress): void {
    const header = MadHeader.parse(mad)!;
    const notice = Notice.parse(mad, SA_DATA_OFFSET);
    if (notice === undefined) return;
    const answer = mad.slice();
    MadHeader.emit({ ...header, method: Method.ReportResp, status: 0 }, answer);
    this.#agent.send(answer, { ...from, qkey: GSI_QKEY });
    this.#onReport(notice);
  }

  #administrator(): MadAddress | undefined {
    const { smLid, smSl, pkeyIndex } = this.#location();
    if (smLid === 0) return undefined;
    return { lid: smLid, sl: smSl, qpn: GSI_QPN, qkey: GSI_QKEY, pkeyIndex };
  }
}
