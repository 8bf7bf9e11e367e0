/**
 * The subnet administrator: handles SA requests and returns the responses (IBTA vol. 1 chapter 15, with OpenSM's
 * statuses).
 *
 * | attribute        | methods                    |
 * |------------------|----------------------------|
 * | ClassPortInfo    | Get                        |
 * | InformInfo       | Set                        |
 * | NodeRecord       | Get, GetTable              |
 * | PortInfoRecord   | Get, GetTable              |
 * | P_KeyTableRecord | Get, GetTable, with SM_Key |
 * | PathRecord       | Get, GetTable              |
 * | MCMemberRecord   | Get, GetTable, Set, Delete |
 *
 * As in OpenSM, a request with an unknown method or attribute or with a wrong SM_Key gets no response, and neither does
 * Set or Delete of an attribute that cannot be changed. The administrator logs each refused and each unanswered request
 * with the reason; a query without a matching record is logged at the level debug, because it is no error. The
 * administrator drops two kinds of MADs without a log line: responses, and MADs with an active RMPP header (the ACKs of
 * table transfers, but also multi-packet requests, which it does not support).
 */

import { formatGuid, hex } from "../base/hex.ts";
import type { Millis } from "../base/units.ts";
import { formatGid } from "../wire/gid.ts";
import { formatMadStatus, isResponse, MadStatus, Method } from "../wire/mad.ts";
import { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { NodeRecord } from "../wire/sa/node_record.ts";
import { PathRecord } from "../wire/sa/path_record.ts";
import { PkeyTableRecord } from "../wire/sa/pkey_table_record.ts";
import { PortInfoRecord } from "../wire/sa/port_info_record.ts";
import {
  SA_CLASS_VERSION,
  SaAttribute,
  type SaMad,
} from "../wire/sa/sa_mad.ts";
import { type Answer, answerMads, refusalMad } from "./answer.ts";
import { classPortInfo } from "./class_port_info.ts";
import { queryGroups } from "./group_query.ts";
import { setInformInfo } from "./inform.ts";
import { joinGroup, leaveGroup } from "./join.ts";
import { queryPaths } from "./paths.ts";
import {
  nodeRecords,
  pkeyTableRecords,
  portInfoRecords,
  type RecordQuery,
} from "./port_records.ts";
import { type EndPoint, portText, type SubnetPort } from "./ports.ts";
import { SaRefusal, SaSilence } from "./refusal.ts";
import type { RmppSender } from "./rmpp_sender.ts";
import { SM_KEY } from "./constants.ts";
import type { Subnet } from "./subnet.ts";
import type { TrapForwarder } from "./traps.ts";

type Handler = (requester: SubnetPort, request: SaMad) => Answer;

/** Request methods. The administrator does not answer any other method. */
const REQUESTS: readonly number[] = [
  Method.Get,
  Method.Set,
  Method.GetTable,
  Method.Delete,
  Method.GetMulti,
];
/** Methods that modify an attribute. */
const CHANGES: readonly number[] = [Method.Set, Method.Delete];

export class SubnetAdministrator {
  readonly #subnet: Subnet;
  readonly #traps: TrapForwarder;
  readonly #transfers: RmppSender;
  /** By attribute and method. */
  readonly #handlers: Record<number, Record<number, Handler>>;

  constructor(subnet: Subnet, traps: TrapForwarder, transfers: RmppSender) {
    this.#subnet = subnet;
    this.#traps = traps;
    this.#transfers = transfers;
    const query = (handler: Handler) => ({
      [Method.Get]: handler,
      [Method.GetTable]: handler,
    });
    const list = (records: typeof nodeRecords, stride: number) =>
      query((port, request) => this.#list(records, stride, port, request));
    const pkeys = list(pkeyTableRecords, PkeyTableRecord.STRIDE);
    this.#handlers = {
      [SaAttribute.ClassPortInfo]: { [Method.Get]: classPortInfo },
      [SaAttribute.InformInfo]: {
        [Method.Set]: (port, { data, smKey }) =>
          setInformInfo(subnet, traps, port, data, smKey === SM_KEY),
      },
      [SaAttribute.NodeRecord]: list(nodeRecords, NodeRecord.STRIDE),
      [SaAttribute.PortInfoRecord]: list(
        portInfoRecords,
        PortInfoRecord.STRIDE,
      ),
      [SaAttribute.PkeyTableRecord]: query((port, request) => {
        if (request.smKey === SM_KEY) return pkeys[Method.Get]!(port, request);
        throw new SaRefusal(
          MadStatus.RequestInvalid,
          "P_Key tables require the SM_Key",
        );
      }),
      [SaAttribute.PathRecord]: query((port, request) =>
        this.#paths(port, request)
      ),
      [SaAttribute.McMemberRecord]: {
        ...query((port, request) => this.#groups(port, request)),
        [Method.Set]: (port, request) =>
          this.#membership("join", joinGroup, port, request),
        [Method.Delete]: (port, request) =>
          this.#membership("leave", leaveGroup, port, request),
      },
    };
  }

  /**
   * Handles a MAD of the SA class. Returns the response, or undefined if there is none or if the response is a table of
   * several segments, which the RMPP sender transmits.
   */
  handle(
    requester: SubnetPort,
    request: SaMad,
    now: Millis,
  ): Uint8Array | undefined {
    if (request.method === Method.ReportResp) {
      this.#traps.answered(requester, request.transactionId);
      return undefined;
    }
    if (
      this.#transfers.handle(requester, request, now) ||
      isResponse(request.method)
    ) return undefined;
    try {
      const answer = this.#handlerOf(request)(requester, request);
      const mads = answerMads(request, answer);
      if (mads.length === 1) return mads[0];
      if (!this.#transfers.start(requester, request, mads, now)) {
        throw new SaSilence("too many table transfers to the port");
      }
      return undefined;
    } catch (error) {
      if (error instanceof SaSilence) {
        this.#log(
          "warning",
          requester,
          request,
          `no response, ${error.message}`,
        );
        return undefined;
      }
      if (!(error instanceof SaRefusal)) throw error;
      const status = formatMadStatus(error.status);
      this.#log(
        error.status === MadStatus.NoRecords ? "debug" : "warning",
        requester,
        request,
        `${status}, ${error.message}`,
      );
      return refusalMad(request, error);
    }
  }

  #handlerOf(request: SaMad): Handler {
    const { method, attributeId, smKey, classVersion } = request;
    if (classVersion !== SA_CLASS_VERSION) {
      throw new SaRefusal(
        MadStatus.BadVersion,
        `class version is ${classVersion}, not ${SA_CLASS_VERSION}`,
      );
    }
    if (smKey !== 0n && smKey !== SM_KEY) throw new SaSilence("wrong SM_Key");
    if (!REQUESTS.includes(method)) throw new SaSilence("unknown method");
    const methods = this.#handlers[attributeId];
    if (methods === undefined) throw new SaSilence("unknown attribute");
    const handler = methods[method];
    if (handler !== undefined) return handler;
    if (CHANGES.includes(method) && methods[Method.Set] === undefined) {
      throw new SaSilence("the attribute is read-only");
    }
    if (
      attributeId === SaAttribute.ClassPortInfo && method === Method.GetTable
    ) {
      throw new SaRefusal(
        MadStatus.RequestInvalid,
        "ClassPortInfo has no table",
      );
    }
    throw new SaRefusal(
      MadStatus.UnsupportedMethodAttribute,
      "the attribute does not support the method",
    );
  }

  #paths(requester: EndPoint, request: SaMad): Answer {
    const records = queryPaths(
      this.#subnet,
      requester,
      PathRecord.parse(request.data)!,
      request.componentMask,
      request.method === Method.GetTable,
    );
    return {
      records: records.map((record) => PathRecord.emit(record)),
      stride: PathRecord.LENGTH,
    };
  }

  #groups(requester: SubnetPort, request: SaMad): Answer {
    const records = queryGroups(
      this.#subnet,
      requester,
      McMemberRecord.parse(request.data)!,
      request.componentMask,
      request.smKey === SM_KEY,
    );
    return {
      records: records.map((record) => McMemberRecord.emit(record)),
      stride: McMemberRecord.STRIDE,
    };
  }

  #list(
    records: (
      subnet: Subnet,
      requester: EndPoint,
      query: RecordQuery,
    ) => Uint8Array[],
    stride: number,
    requester: SubnetPort,
    { data, componentMask: mask, attributeModifier: modifier }: SaMad,
  ): Answer {
    const query = { data, mask, modifier };
    return { records: records(this.#subnet, requester, query), stride };
  }

  #membership(
    verb: string,
    action: typeof joinGroup,
    requester: SubnetPort,
    request: SaMad,
  ): Answer {
    const record = McMemberRecord.parse(request.data)!;
    const mask = request.componentMask;
    try {
      const answer = action(this.#subnet, requester, record, mask);
      return {
        records: [McMemberRecord.emit(answer)],
        stride: McMemberRecord.STRIDE,
      };
    } catch (error) {
      if (!(error instanceof SaRefusal)) throw error;
      const { message } = error;
      this.#subnet.record("refused", () => ({
        subject: formatGid(record.mgid),
        cause: `${verb} by ${portText(requester)}: ${message}`,
      }));
      throw new SaRefusal(
        error.status,
        `${verb} ${formatGid(record.mgid)}: ${error.message}`,
      );
    }
  }

  #log(
    level: "debug" | "warning",
    requester: SubnetPort,
    request: SaMad,
    text: string,
  ): void {
    const kind = `${hex(request.method, 2)}/${hex(request.attributeId)}`;
    const port = `${formatGuid(requester.guid)} (${requester.name})`;
    this.#subnet.log(level, `SA request ${kind} from ${port}: ${text}`);
  }
}
