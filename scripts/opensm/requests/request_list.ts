/** List of requests to OpenSM, with a function for each kind of request. */

import { Method } from "../../../src/wire/mad.ts";
import type { InformInfo } from "../../../src/wire/sa/inform_info.ts";
import {
  LEAVE_MASK,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { TrapNumber } from "../../../src/wire/sa/notice.ts";
import { PathRecord } from "../../../src/wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../../src/wire/sa/sa_mad.ts";
import {
  emitInformInfo,
  informTrap,
} from "../../../tests/wire/sa/subscriber.ts";
import { portGid } from "../fabric.ts";
import { LIKE_BROADCAST } from "./member_masks.ts";

/** A request that the port with number `port` sends. */
export interface Request {
  readonly name: string;
  readonly port: number;
  readonly mad: Uint8Array;
}

/** The list, and functions that append to it. */
export type RequestList = ReturnType<typeof requestList>;

/** Returns an empty list. A request's TransactionID is its position in the list, from 1. */
export function requestList() {
  const list: Request[] = [];

  /** Appends a request; the fields override those of Get(PathRecord). */
  const add = (name: string, port: number, fields: Partial<SaMad>) => {
    const mad = SaMad.emit(SaMad.of({
      method: Method.Get,
      transactionId: BigInt(list.length + 1),
      attributeId: SaAttribute.PathRecord,
      ...fields,
    }));
    list.push({ name, port, mad });
  };

  const path = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<PathRecord>,
    method: number = Method.Get,
  ) =>
    add(name, port, {
      method,
      attributeId: SaAttribute.PathRecord,
      componentMask,
      data: PathRecord.emit(PathRecord.of(fields)),
    });

  /** Appends a Get, or another method, of McMemberRecord. PortGID is the sender's unless `fields` has one. */
  const query = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<McMemberRecord>,
    method: number = Method.Get,
  ) =>
    add(name, port, {
      method,
      attributeId: SaAttribute.McMemberRecord,
      componentMask,
      data: McMemberRecord.emit(
        McMemberRecord.of({ portGid: portGid(port), ...fields }),
      ),
    });

  const join = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<McMemberRecord>,
  ) => query(name, port, componentMask, fields, Method.Set);

  /** Appends a join with the parameters of the default link's broadcast group, which `fields` overrides. */
  const create = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<McMemberRecord>,
  ) => join(name, port, componentMask, { ...LIKE_BROADCAST, ...fields });

  const leave = (
    name: string,
    port: number,
    fields: Partial<McMemberRecord>,
    componentMask = LEAVE_MASK,
  ) => query(name, port, componentMask, fields, Method.Delete);

  /** Appends a Set(InformInfo) of the first port. */
  const inform = (
    name: string,
    fields: Partial<InformInfo>,
    trap: number = TrapNumber.McGroupCreated,
  ) =>
    add(name, 1, {
      method: Method.Set,
      attributeId: SaAttribute.InformInfo,
      data: emitInformInfo({ ...informTrap(trap), ...fields }),
    });

  return { list, add, path, query, join, create, leave, inform };
}
