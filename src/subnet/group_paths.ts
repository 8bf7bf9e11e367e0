/**
 * PathRecords to multicast groups: the MLID and the parameters of the group (OpenSM's behaviour: what the
 * group does not decide is the request's, a source that is named must be a member, and nobody asks whether
 * the requester is in the partition).
 */

import { gidGuid } from "../wire/gid.ts";
import { MgidScope } from "../wire/mgid.ts";
import { PathMask, PathRecord } from "../wire/sa/path_record.ts";
import { Selector } from "../wire/sa/selector.ts";
import type { SubnetGroup } from "./groups.ts";
import type { Subnet } from "./subnet.ts";

const WIDE_HOP_LIMIT = 255;

/** The path to the group that is the request's DGID, or none. */
export function pathsToGroup(
  subnet: Subnet,
  request: PathRecord,
  mask: bigint,
): PathRecord[] {
  const group = subnet.groups.get(request.dgid);
  if (group === undefined || !fits(subnet, group, request, mask)) return [];
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

function fits(
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
