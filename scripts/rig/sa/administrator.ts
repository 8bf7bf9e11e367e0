/**
 * Subnet administrator of the rig (IBTA vol. 1 chapter 15). Supports Get(ClassPortInfo), Get, Set and Delete of
 * MCMemberRecord, and Get(PathRecord); answers other requests with status 0x000c.
 *
 * The embedded administrator (src/subnet) does not fit: it receives the ports from the embedded subnet manager and has
 * a separate LID, while the rig's administrator shares its port with an interface. This one keeps one membership for
 * each port and group.
 */

import { SaRefusal } from "../../../src/subnet/refusal.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import {
  formatMadStatus,
  isResponse,
  MadStatus,
  Method,
  responseMethod,
} from "../../../src/wire/mad.ts";
import {
  ClassPortInfo,
  SA_CAP2_SENDONLY_FULL_MEMBER,
  SA_CAP_UD_MULTICAST,
} from "../../../src/wire/sa/class_port_info.ts";
import { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import { PathMask, PathRecord } from "../../../src/wire/sa/path_record.ts";
import {
  NO_RMPP,
  SA_CLASS_VERSION,
  SaAttribute,
  SaMad,
} from "../../../src/wire/sa/sa_mad.ts";
import { Selector } from "../../../src/wire/sa/selector.ts";
import type { Fault } from "./fault.ts";
import { Groups, type Limits } from "./groups.ts";
import { gidOf, Ports } from "./ports.ts";

const RESP_TIME = 18;
const MULTICAST = 0xff;

/** Where a MAD comes from. */
export interface Source {
  readonly lid: number;
  readonly hasGrh: boolean;
}

/** Answer to a MAD, and a line for the log. */
export interface Reply {
  /** Undefined if the request is ignored. */
  readonly mad: Uint8Array | undefined;
  readonly line: string;
}

export interface AdministratorOptions {
  /** LIDs from which MADs without a GRH are ignored. */
  readonly grhLids?: readonly number[];
  /** LID of the first group. Default: the lowest one. */
  readonly firstMlid?: number | undefined;
}

export class RigAdministrator {
  readonly groups: Groups;
  /** What is wrong with the administrator; undefined: nothing. */
  fault: Fault | undefined;
  readonly #limits: Limits;
  readonly #ports = new Ports();
  readonly #grhLids: readonly number[];

  constructor(
    limits: Limits,
    pkeys: readonly number[],
    { grhLids = [], firstMlid }: AdministratorOptions = {},
  ) {
    this.#limits = limits;
    this.#grhLids = grhLids;
    this.groups = new Groups(limits, pkeys, firstMlid);
  }

  /** Handles a MAD. Returns undefined if it is not an SA request. */
  handle(mad: Uint8Array, { lid: slid, hasGrh }: Source): Reply | undefined {
    const request = SaMad.parse(mad);
    if (!request || isResponse(request.method)) return undefined;
    const response = {
      ...request,
      method: responseMethod(request.method),
      status: MadStatus.Ok,
      rmpp: NO_RMPP,
      smKey: 0n,
    };
    const head = `LID ${slid} ${describe(request)}`;
    if (!hasGrh && this.#grhLids.includes(slid)) {
      return { mad: undefined, line: `${head}: ignored, no GRH` };
    }
    if (this.fault?.kind === "silent") {
      return { mad: undefined, line: `${head}: ignored, silent` };
    }
    try {
      const data = this.#records(request, slid);
      return {
        mad: SaMad.emit({
          ...response,
          data,
          attributeOffset: Math.ceil(data.length / 8),
        }),
        line: head,
      };
    } catch (error) {
      if (!(error instanceof SaRefusal)) throw error;
      const { status, message } = error;
      return {
        mad: SaMad.emit({ ...response, status }),
        line: `${head}: ${formatMadStatus(status)}, ${message}`,
      };
    }
  }

  #records(request: SaMad, slid: number): Uint8Array {
    const { method, attributeId, data, componentMask: mask } = request;
    if (attributeId === SaAttribute.ClassPortInfo && method === Method.Get) {
      return classPortInfo();
    }
    if (attributeId === SaAttribute.PathRecord && method === Method.Get) {
      return PathRecord.emit(this.#path(PathRecord.parse(data)!, mask, slid));
    }
    if (attributeId === SaAttribute.McMemberRecord) {
      const record = McMemberRecord.parse(data)!;
      switch (method) {
        case Method.Get:
          return McMemberRecord.emit(this.groups.query(record, mask));
        case Method.Set: {
          if (this.fault?.kind === "refusal") {
            throw new SaRefusal(this.fault.status, "all joins are refused");
          }
          const joined = this.groups.join(record, mask);
          this.#ports.learn(record.portGid, slid);
          return McMemberRecord.emit(joined);
        }
        case Method.Delete:
          return McMemberRecord.emit(this.groups.leave(record));
      }
    }
    throw new SaRefusal(
      MadStatus.UnsupportedMethodAttribute,
      "unsupported method or attribute",
    );
  }

  #path(request: PathRecord, mask: bigint, slid: number): PathRecord {
    const given = (bit: bigint) => (mask & bit) !== 0n;
    if (!given(PathMask.Dgid)) {
      throw new SaRefusal(MadStatus.InsufficientComponents, "no DGID");
    }
    const { dgid } = request;
    const dlid = dgid[0] === MULTICAST
      ? this.groups.get(dgid)?.mlid
      : this.#ports.lidOf(dgid);
    const sgid = given(PathMask.Sgid) ? request.sgid : gidOf(slid);
    const source = this.#ports.lidOf(sgid);
    if (dlid === undefined || source === undefined) {
      throw new SaRefusal(MadStatus.NoRecords, "unknown GID");
    }
    return PathRecord.of({
      ...this.#limits,
      dgid,
      sgid,
      dlid,
      slid: source,
      tclass: given(PathMask.Tclass) ? request.tclass : 0,
      reversible: true,
      numbPath: 1,
      pkey: given(PathMask.Pkey) ? request.pkey : 0xffff,
      mtuSelector: Selector.Exactly,
      rateSelector: Selector.Exactly,
      lifetimeSelector: Selector.Exactly,
    });
  }
}

function classPortInfo(): Uint8Array {
  return ClassPortInfo.emit({
    classVersion: SA_CLASS_VERSION,
    capabilityMask: SA_CAP_UD_MULTICAST,
    capabilityMask2: SA_CAP2_SENDONLY_FULL_MEMBER,
    respTimeValue: RESP_TIME,
    redirectQpn: 0,
    redirectQkey: 0,
    trapQkey: 0,
  });
}

/** Formats a request for the log. */
function describe({ method, attributeId, data }: SaMad): string {
  const name = Object.entries(Method).find(([, value]) => value === method);
  const verb = name?.[0] ?? `method ${method}`;
  switch (attributeId) {
    case SaAttribute.McMemberRecord: {
      const { mgid, portGid, joinState } = McMemberRecord.parse(data)!;
      return `${verb} MCMemberRecord ${formatGid(mgid)} port ${
        formatGid(portGid)
      } state ${joinState}`;
    }
    case SaAttribute.PathRecord: {
      const { dgid, sgid } = PathRecord.parse(data)!;
      return `${verb} PathRecord ${formatGid(sgid)} to ${formatGid(dgid)}`;
    }
    default:
      return `${verb} attribute 0x${attributeId.toString(16)}`;
  }
}
