/** MCMemberRecord Get and GetTable: queries of groups and members (IBTA vol. 1 15.2.5.17, OpenSM `mcmr_query_mgrp`). */

import { gidEquals, gidGuid } from "../wire/gid.ts";
import { MadStatus } from "../wire/mad.ts";
import { McMask, type McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { keyMismatch, sizeMismatch, undefinedCode } from "./group_match.ts";
import type { SubnetGroup } from "./groups.ts";
import { memberRecord } from "./join.ts";
import { hasPkey } from "./partitions.ts";
import { inOpensmOrder, type SubnetPort } from "./ports.ts";
import { SaRefusal } from "./refusal.ts";
import type { Subnet } from "./subnet.ts";

/**
 * Returns the matching records of groups in the requester's partitions, in MGID order. A trusted requester (SM_Key)
 * gets one record for each member. Any other requester gets one record for each group, with PortGID, JoinState and
 * ProxyJoin zero.
 *
 * @throws SaRefusal if the MTU or rate code is undefined.
 */
export function queryGroups(
  subnet: Subnet,
  requester: SubnetPort,
  request: McMemberRecord,
  mask: bigint,
  trusted: boolean,
): McMemberRecord[] {
  const code = undefinedCode(request, mask, McMask);
  if (code !== undefined) throw new SaRefusal(MadStatus.RequestInvalid, code);
  const groups = [...subnet.groups]
    .filter((group) =>
      hasPkey(requester.pkeys, group.pkey) && matches(group, request, mask)
    )
    .sort((a, b) => a.key < b.key ? -1 : 1);
  return trusted
    ? groups.flatMap((group) => memberRecords(group, request, mask))
    : groups.filter((group) => hasState(group, request, mask))
      .map(memberRecord);
}

function memberRecords(
  group: SubnetGroup,
  request: McMemberRecord,
  mask: bigint,
): McMemberRecord[] {
  const asked = (mask & McMask.PortGid) !== 0n;
  return [...group.members.values()]
    .filter(({ port, joinState }) =>
      (!asked || port.guid === gidGuid(request.portGid)) &&
      stateMatches(group.scope, joinState, request, mask)
    )
    .sort((a, b) => inOpensmOrder(a.port, b.port))
    .map(({ port, joinState, proxyJoin }) => ({
      ...memberRecord(group),
      portGid: port.gid,
      joinState,
      proxyJoin,
    }));
}

function matches(
  group: SubnetGroup,
  request: McMemberRecord,
  mask: bigint,
): boolean {
  if ((mask & McMask.Mgid) !== 0n && !gidEquals(request.mgid, group.mgid)) {
    return false;
  }
  if ((mask & McMask.Mlid) !== 0n && request.mlid !== group.mlid) return false;
  // ProxyJoin belongs to a membership, but OpenSM compares it with the group, where it is 0.
  if ((mask & McMask.ProxyJoin) !== 0n && request.proxyJoin) return false;
  return keyMismatch(request, mask, group) === undefined &&
    sizeMismatch(request, mask, group) === undefined;
}

/** Compares Scope and JoinState with the membership of the port that PortGID names; without PortGID, with the group. */
function hasState(
  group: SubnetGroup,
  request: McMemberRecord,
  mask: bigint,
): boolean {
  if ((mask & McMask.PortGid) === 0n) {
    return stateMatches(group.scope, group.joinState, request, mask);
  }
  const member = group.members.get(gidGuid(request.portGid));
  return member !== undefined &&
    stateMatches(group.scope, member.joinState, request, mask);
}

function stateMatches(
  scope: number,
  joinState: number,
  request: McMemberRecord,
  mask: bigint,
): boolean {
  return ((mask & McMask.Scope) === 0n || request.scope === scope) &&
    ((mask & McMask.JoinState) === 0n || request.joinState === joinState);
}
