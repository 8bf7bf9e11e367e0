/**
 * Answers requests to the subnet administrator on Ethernet ports (RoCE), which have none: an extension of this program.
 *
 * IPoIB obtains the Q_Key, MTU, rate and routes from the administrator. On Ethernet there are neither LIDs nor routes,
 * so the answers consist of fixed values, values of the port itself and fields of the request. A hop limit above 0 in
 * the records makes every packet carry a GRH. All nodes on a link must use the same fixed values.
 */

import type { IbMtuCode } from "../../../base/units.ts";
import { FIRST_MLID } from "../../../wire/lrh.ts";
import { isResponse, MadStatus, Method } from "../../../wire/mad.ts";
import { McMemberRecord } from "../../../wire/sa/mc_member_record.ts";
import {
  PACKET_LIFETIME_EXPONENT,
  PathRecord,
} from "../../../wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../../wire/sa/sa_mad.ts";
import { Selector } from "../../../wire/sa/selector.ts";

/** Q_Key of every group, and therefore of every packet. */
export const ROCE_QKEY = 0xb1b;
/** Multicast LID of every group: Ethernet has none, but attaching to a group requires one. */
export const ROCE_MLID = FIRST_MLID;
/** Hop limit of every path and group. A value above 0 makes packets carry a GRH. */
export const ROCE_HOP_LIMIT = 64;

/** The values of the port that appear in answers. */
export interface RocePortValues {
  /** The port's own GID, 16 bytes. */
  readonly gid: Uint8Array;
  readonly activeMtuCode: IbMtuCode;
  /** Rate code as in PathRecord. */
  readonly rateCode: number;
}

/** Returns the destination GID of a path request; undefined for any other MAD. */
export function requestedPathDgid(mad: Uint8Array): Uint8Array | undefined {
  const request = SaMad.parse(mad);
  return request?.method === Method.Get &&
      request.attributeId === SaAttribute.PathRecord
    ? PathRecord.parse(request.data)?.dgid
    : undefined;
}

/** Returns the response to a request, 256 bytes; undefined if the MAD is not a request to an administrator. */
export function answerRequest(
  mad: Uint8Array,
  port: RocePortValues,
): Uint8Array | undefined {
  const request = SaMad.parse(mad);
  if (!request || isResponse(request.method)) return undefined;
  const data = answerData(request, port);
  return SaMad.emit(SaMad.answer(
    request,
    data
      ? { data, attributeOffset: data.length >> 3 }
      : { status: MadStatus.UnsupportedMethodAttribute },
  ));
}

/** Returns the record of the response; undefined if the method or attribute is not supported. */
function answerData(
  { method, attributeId, data }: SaMad,
  port: RocePortValues,
): Uint8Array | undefined {
  if (attributeId === SaAttribute.PathRecord && method === Method.Get) {
    const requested = PathRecord.parse(data);
    return requested && PathRecord.emit(pathTo(requested, port));
  }
  const membership = method === Method.Set || method === Method.Get ||
    method === Method.Delete;
  if (attributeId === SaAttribute.McMemberRecord && membership) {
    const requested = McMemberRecord.parse(data);
    return requested && McMemberRecord.emit(groupOf(requested, port));
  }
  return undefined;
}

/** The fields that path and group records have in common. */
function routeOf({ activeMtuCode, rateCode }: RocePortValues) {
  return {
    hopLimit: ROCE_HOP_LIMIT,
    mtuSelector: Selector.Exactly,
    mtu: activeMtuCode,
    rateSelector: Selector.Exactly,
    rate: rateCode,
    lifetimeSelector: Selector.Exactly,
    lifetime: PACKET_LIFETIME_EXPONENT,
  };
}

function pathTo(
  { dgid, pkey, tclass }: PathRecord,
  port: RocePortValues,
): PathRecord {
  return PathRecord.of({
    dgid,
    sgid: port.gid,
    tclass,
    pkey,
    reversible: true,
    numbPath: 1,
    ...routeOf(port),
  });
}

function groupOf(
  { mgid, portGid, pkey, joinState, tclass }: McMemberRecord,
  port: RocePortValues,
): McMemberRecord {
  return McMemberRecord.of({
    mgid,
    portGid,
    pkey,
    joinState,
    tclass,
    qkey: ROCE_QKEY,
    mlid: ROCE_MLID,
    ...routeOf(port),
    scope: mgid[1]! & 0x0f,
  });
}
