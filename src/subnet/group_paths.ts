/**
 * PathRecords to multicast groups: the MLID and the parameters of the group.
 *
 * As in OpenSM, the response repeats the request's values of all other fields, a source that the request names must be
 * a member, and the requester need not be in the group's partition.
 */

import { gidGuid } from "../wire/gid.ts";
import { MgidScope } from "../wire/mgid.ts";
import { PathMask, PathRecord } from "../wire/sa/path_record.ts";
import { Selector } from "../wire/sa/selector.ts";
import type { SubnetGroup } from "./groups.ts";
import type { Subnet } from "./subnet.ts";

const WIDE_HOP_LIMIT = 255;

/** Returns the path to the group with the request's DGID, or an empty list if the group does not exist or match. */
export function pathsToGroup(
  subnet: Subnet,
  request: PathRecord,
  mask: bigint,
): PathRecord[] {
  const group = subnet.groups.get(request.dgid);
  if (group === undefined || !matches(subnet, group, request, mask)) return [];
  const wide = (group.mgid[1]! & 15) !== MgidScope.LinkLocal;
  return [{
    ...request,
    dgid: group.mgid,
    dlid: group.mlid,
    rawTraffic: false,
    flowLabel: group.flowLabel,
    hopLimit: wide ? WIDE_HOP_LIMIT : group.hopLimit,
    tclass: group.tclass,
    reversible: false,
    numbPath: 1,
    pkey: group.pkey,
    qosClass: 0,
    sl: group.sl,
    mtuSelector: Selector.Exactly,
    mtu: group.mtu,
    rateSelector: Selector.Exactly,
    rate: group.rate,
    lifetimeSelector: Selector.Exactly,
    lifetime: group.lifetime,
  }];
}

function matches(
  subnet: Subnet,
  group: SubnetGroup,
  request: PathRecord,
  mask: bigint,
): boolean {
  const same = (bit: bigint, asked: number, actual: number) =>
    (mask & bit) === 0n || asked === actual;
  const member = (bit: bigint, guid: bigint | undefined) =>
    (mask & bit) === 0n || (guid !== undefined && group.members.has(guid));
  return same(PathMask.Dlid, request.dlid, group.mlid) &&
    member(PathMask.Sgid, gidGuid(request.sgid)) &&
    member(PathMask.Slid, subnet.ports.byLid(request.slid)?.guid) &&
    same(PathMask.Pkey, request.pkey, group.pkey) &&
    same(PathMask.Sl, request.sl, group.sl) &&
    same(PathMask.FlowLabel, request.flowLabel, group.flowLabel) &&
    same(PathMask.HopLimit, request.hopLimit, group.hopLimit) &&
    same(PathMask.Tclass, request.tclass, group.tclass);
}
