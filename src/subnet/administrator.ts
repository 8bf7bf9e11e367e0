/**
 * The subnet administrator: SA MADs in, SA MADs out (IBTA vol. 1 chapter 15, statuses as OpenSM gives them).
 *
 * | attribute       | methods                    |
 * |-----------------|----------------------------|
 * | ClassPortInfo   | Get                        |
 * | InformInfo      | Set                        |
 * | PathRecord      | Get, GetTable              |
 * | MCMemberRecord  | Get, GetTable, Set, Delete |
 *
 * Tables that do not fit one MAD are refused with "too many records": multi-segment RMPP is not offered.
 * Every refusal costs one line in the log that names the reason.
 */

import { formatGid, formatGuid } from "../wire/gid.ts";
import {
  formatMadStatus,
  MadStatus,
  Method,
  METHOD_RESPONSE,
} from "../wire/mad.ts";
import {
  ClassPortInfo,
  SA_CAP2_SENDONLY_FULL_MEMBER,
  SA_CAP_UD_MULTICAST,
} from "../wire/sa/class_port_info.ts";
import { InformInfo } from "../wire/sa/inform_info.ts";
import { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { PathRecord } from "../wire/sa/path_record.ts";
import {
  SA_CLASS_VERSION,
  SaAttribute,
  type SaMad,
} from "../wire/sa/sa_mad.ts";
import { type Answer, answerMad, refusalMad } from "./answer.ts";
import { queryGroups } from "./group_query.ts";
import { joinGroup, leaveGroup } from "./join.ts";
import { queryPaths } from "./paths.ts";
import type { SubnetPort } from "./ports.ts";
import { hex, SaRefusal } from "./refusal.ts";
import type { Subnet } from "./subnet.ts";
import type { TrapForwarder } from "./traps.ts";

type Handler = (requester: SubnetPort, request: SaMad) => Answer;

/** Methods that are requests to an administrator, whatever the attribute. */
const KNOWN_METHODS: readonly number[] = [
  Method.Get,
  Method.Set,
  Method.GetTable,
  Method.Delete,
];
/** Methods that nobody answers here. */
const UNANSWERED_METHODS: readonly number[] = [
  Method.Send,
  Method.Trap,
  Method.Report,
  Method.TrapRepress,
];

/** RespTimeValue: 4.096 us times 2 to this power, about 1 s, as OpenSM announces. */
const RESP_TIME = 18;

export class SubnetAdministrator {
  readonly #subnet: Subnet;
  readonly #traps: TrapForwarder;
  /** By attribute and method. */
  readonly #handlers: Record<number, Record<number, Handler>>;

  constructor(subnet: Subnet, traps: TrapForwarder) {
    this.#subnet = subnet;
    this.#traps = traps;
    const paths: Handler = (port, request) => this.#paths(port, request);
    const groups: Handler = (port, request) => this.#groups(port, request);
    this.#handlers = {
      [SaAttribute.ClassPortInfo]: { [Method.Get]: classPortInfo },
      [SaAttribute.InformInfo]: {
        [Method.Set]: (port, request) => this.#inform(port, request),
      },
      [SaAttribute.PathRecord]: {
        [Method.Get]: paths,
        [Method.GetTable]: paths,
      },
      [SaAttribute.McMemberRecord]: {
        [Method.Get]: groups,
        [Method.GetTable]: groups,
        [Method.Set]: (port, request) =>
          this.#membership("join", joinGroup, port, request),
        [Method.Delete]: (port, request) =>
          this.#membership("leave", leaveGroup, port, request),
      },
    };
  }

  /** Handles a MAD of the SA class; the answer, if there is to be one. */
  handle(requester: SubnetPort, request: SaMad): Uint8Array | undefined {
    if (request.method === Method.ReportResp) {
      this.#traps.answered(requester, request.transactionId);
      return undefined;
    }
    if (
      (request.method & METHOD_RESPONSE) !== 0 ||
      UNANSWERED_METHODS.includes(request.method)
    ) return undefined;
    if (request.smKey !== 0n) {
      this.#log(requester, request, "ignored, SM_Key is not 0");
      return undefined;
    }
    try {
      const answer = this.#handlerOf(request)(requester, request);
      return answerMad(request, answer);
    } catch (error) {
      if (!(error instanceof SaRefusal)) throw error;
      const status = formatMadStatus(error.status);
      this.#log(requester, request, `${status}, ${error.message}`);
      return refusalMad(request, error);
    }
  }

  #handlerOf(request: SaMad): Handler {
    if (request.classVersion !== SA_CLASS_VERSION) {
      throw new SaRefusal(
        MadStatus.BadVersion,
        `class version ${request.classVersion} instead of ${SA_CLASS_VERSION}`,
      );
    }
    if (!KNOWN_METHODS.includes(request.method)) {
      throw new SaRefusal(MadStatus.UnsupportedMethod, "no such method here");
    }
    const handler = this.#handlers[request.attributeId]?.[request.method];
    if (handler === undefined) {
      throw new SaRefusal(
        MadStatus.UnsupportedMethodAttribute,
        "no such method for this attribute here",
      );
    }
    return handler;
  }

  #paths(requester: SubnetPort, request: SaMad): Answer {
    const records = queryPaths(
      this.#subnet,
      requester,
      PathRecord.parse(request.data)!,
      request.componentMask,
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
    );
    return {
      records: records.map((record) => McMemberRecord.emit(record)),
      stride: McMemberRecord.STRIDE,
    };
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
      throw new SaRefusal(
        error.status,
        `${verb} ${formatGid(record.mgid)}: ${error.message}`,
      );
    }
  }

  #inform(requester: SubnetPort, request: SaMad): Answer {
    const info = InformInfo.parse(request.data)!;
    if (!this.#traps.inform(requester, info)) {
      throw new SaRefusal(
        MadStatus.RequestInvalid,
        `there is no subscription to trap ${info.trapNumber} to cancel`,
      );
    }
    return { records: [InformInfo.emit(info)], stride: 0 };
  }

  #log(requester: SubnetPort, request: SaMad, text: string): void {
    const what = `${hex(request.method, 2)}/${hex(request.attributeId)}`;
    const who = `${formatGuid(requester.guid)} (${requester.name})`;
    this.#subnet.log("warning", `SA request ${what} of ${who}: ${text}`);
  }
}

function classPortInfo(): Answer {
  const info = ClassPortInfo.emit({
    classVersion: SA_CLASS_VERSION,
    capabilityMask: SA_CAP_UD_MULTICAST,
    capabilityMask2: SA_CAP2_SENDONLY_FULL_MEMBER,
    respTimeValue: RESP_TIME,
    addresses: new Uint8Array(0),
  });
  return { records: [info], stride: 0 };
}
