/**
 * An SA client for requests that the program does not send: tables, and subscriptions to traps. It answers Reports and
 * records their Notices. A request is sent once and does not time out.
 */

import { Errno } from "../../src/base/errno.ts";
import type { SaCallback } from "../../src/sa/result.ts";
import { type MadAddress, MadView, Method } from "../../src/wire/mad.ts";
import { InformInfo } from "../../src/wire/sa/inform_info.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import type { Notice } from "../../src/wire/sa/notice.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { RmppType, SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { emitInformInfo, parseNotice } from "../wire/sa/subscriber.ts";
import { TableReceiver } from "./table_receiver.ts";

/** The first TransactionID, far from those of a SaClient on the same agent. */
const FIRST_ID = 0x8000_0000;

/** Handles a response MAD. Returns true if the request is completed. */
type ResponseHandler = (response: SaMad, now: number) => boolean;

export class QueryClient {
  /** Notices of the received Reports, including retransmissions. */
  readonly notices: Notice[] = [];
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #administrator: () => MadAddress;
  readonly #pending = new Map<number, ResponseHandler>();
  #nextId = FIRST_ID;

  constructor(
    send: (mad: Uint8Array, to: MadAddress) => void,
    administrator: () => MadAddress,
  ) {
    this.#send = send;
    this.#administrator = administrator;
  }

  /** Handles a received MAD. Ignores MADs of other classes than SubnAdm. */
  onMad(bytes: Uint8Array, from: MadAddress, now: number): void {
    const mad = SaMad.parse(bytes);
    if (!mad) return;
    if (mad.method === Method.Report) {
      const resp = SaMad.emit({ ...mad, method: Method.ReportResp, status: 0 });
      this.#send(resp, from);
      this.notices.push(parseNotice(mad.data));
      return;
    }
    const id = MadView.of(bytes).transactionIdLow;
    if (this.#pending.get(id)?.(mad, now)) this.#pending.delete(id);
  }

  /** Subscribes to traps, or cancels a subscription. */
  inform(info: InformInfo, callback: SaCallback<InformInfo>): void {
    const request = {
      method: Method.Set,
      attributeId: SaAttribute.InformInfo,
      data: emitInformInfo(info),
    };
    this.#ask(request, ({ status, data }, now) => {
      if (status !== 0) refused(status, now, callback);
      else callback({ ok: true, record: InformInfo.parse(data)! }, now);
      return true;
    });
  }

  /** Queries all paths that match. */
  listPaths(
    record: Partial<PathRecord>,
    mask: bigint,
    callback: SaCallback<PathRecord[]>,
  ): void {
    this.#list(
      SaAttribute.PathRecord,
      mask,
      PathRecord.emit(PathRecord.of(record)),
      PathRecord.parse,
      callback,
    );
  }

  /** Queries all groups that match. */
  listGroups(
    record: Partial<McMemberRecord>,
    mask: bigint,
    callback: SaCallback<McMemberRecord[]>,
  ): void {
    this.#list(
      SaAttribute.McMemberRecord,
      mask,
      McMemberRecord.emit(McMemberRecord.of(record)),
      McMemberRecord.parse,
      callback,
    );
  }

  #list<T>(
    attributeId: number,
    componentMask: bigint,
    data: Uint8Array,
    parse: (data: Uint8Array) => T | undefined,
    callback: SaCallback<T[]>,
  ): void {
    const request = { method: Method.GetTable, attributeId, componentMask };
    const receiver = new TableReceiver();
    this.#ask({ ...request, data }, (answer, now) => {
      const { status, rmpp, attributeOffset } = answer;
      if (status !== 0 || rmpp.type === RmppType.Abort) {
        refused(status, now, callback);
        return true;
      }
      const { ack, table } = receiver.take(answer);
      if (ack) this.#send(ack, this.#administrator());
      if (!table) return false;
      const record = recordsOf(table, 8 * attributeOffset, parse);
      callback({ ok: true, record }, now);
      return true;
    });
  }

  #ask(request: Partial<SaMad>, handler: ResponseHandler): void {
    const id = this.#nextId++;
    this.#pending.set(id, handler);
    const mad = SaMad.emit(SaMad.of({ ...request, transactionId: BigInt(id) }));
    this.#send(mad, this.#administrator());
  }
}

function refused(
  status: number,
  now: number,
  callback: SaCallback<never>,
): void {
  callback({ ok: false, status, errno: Errno.EINVAL }, now);
}

function recordsOf<T>(
  table: Uint8Array,
  stride: number,
  parse: (data: Uint8Array) => T | undefined,
): T[] {
  const count = stride === 0 ? 0 : Math.floor(table.length / stride);
  return Array.from(
    { length: count },
    (_, i) => parse(table.subarray(i * stride, (i + 1) * stride))!,
  );
}
