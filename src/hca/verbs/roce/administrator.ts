/**
 * What a subnet administrator would answer, on a link that has none: an extension of this program for Ethernet ports (RoCE).
 *
 * IPoIB takes its Q_Key, MTU, rate and routes from the administrator. On Ethernet there are no LIDs, no routes and no
 * administrator: every node of the link therefore takes the same fixed values, and those of its own port. Packets
 * always have a GRH, which the record's hop limit says. Whoever wants to talk to these nodes must use the same values.
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

/** Q_Key of every group, and so of every packet. */
export const ROCE_QKEY = 0xb1b;
/** Multicast LID of every group: Ethernet has none, but who attaches to a group says one. */
export const ROCE_MLID = FIRST_MLID;
/** Of every path and group; above 0 the packets have a GRH. */
export const ROCE_HOP_LIMIT = 64;

/** What the answers take from the port. */
export interface RocePortFacts {
  /** 16 bytes. */
  readonly gid: Uint8Array;
  readonly activeMtuCode: IbMtuCode;
  /** Rate code as in PathRecord. */
  readonly rateCode: number;
}

/** The GID whose path is asked for; undefined for any other request. */
export function askedPath(mad: Uint8Array): Uint8Array | undefined {
  const request = SaMad.parse(mad);
  return request?.method === Method.Get &&
      request.attributeId === SaAttribute.PathRecord
    ? PathRecord.parse(request.data)?.dgid
    : undefined;
}

/** The answer to a request, 256 bytes; undefined for what is no request to an administrator. */
export function answerRequest(
  mad: Uint8Array,
  port: RocePortFacts,
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

function answerData(
  { method, attributeId, data }: SaMad,
  port: RocePortFacts,
): Uint8Array | undefined {
  if (attributeId === SaAttribute.PathRecord && method === Method.Get) {
    const asked = PathRecord.parse(data);
    return asked && PathRecord.emit(pathTo(asked, port));
  }
  const membership = method === Method.Set || method === Method.Get ||
    method === Method.Delete;
  if (attributeId === SaAttribute.McMemberRecord && membership) {
    const asked = McMemberRecord.parse(data);
    return asked && McMemberRecord.emit(groupOf(asked, port));
  }
  return undefined;
}

/** What paths and groups have in common. */
function routeOf({ activeMtuCode, rateCode }: RocePortFacts) {
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
  port: RocePortFacts,
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
  port: RocePortFacts,
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
