/** MCMemberRecord Get and GetTable: which groups are there (IBTA vol. 1 15.2.5.17; OpenSM's `mcmr_query_mgrp`). */

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
 * The records that fit, in the partitions of the requester and in the order of MGIDs: one for each group, or,
 * for who is trusted, one for each member. PortGID and JoinState are zero for others, ProxyJoin always is
 * where no member is named.
 *
 * @throws SaRefusal
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
      hasPkey(requester.pkeys, group.pkey) && fits(group, request, mask)
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
      stateFits(group.scope, joinState, request, mask)
    )
    .sort((a, b) => inOpensmOrder(a.port, b.port))
    .map(({ port, joinState, proxyJoin }) => ({
      ...memberRecord(group),
      portGid: port.gid,
      joinState,
      proxyJoin,
    }));
}

function fits(
  group: SubnetGroup,
  request: McMemberRecord,
  mask: bigint,
): boolean {
  if ((mask & McMask.Mgid) !== 0n && !gidEquals(request.mgid, group.mgid)) {
    return false;
  }
  if ((mask & McMask.Mlid) !== 0n && request.mlid !== group.mlid) return false;
  // No group has ProxyJoin, only memberships do.
  if ((mask & McMask.ProxyJoin) !== 0n && request.proxyJoin) return false;
  return keyMismatch(request, mask, group) === undefined &&
    sizeMismatch(request, mask, group) === undefined;
}

/** Compares the states of the port that is asked for, or of the group. */
function hasState(
  group: SubnetGroup,
  request: McMemberRecord,
  mask: bigint,
): boolean {
  if ((mask & McMask.PortGid) === 0n) {
    return stateFits(group.scope, group.joinState, request, mask);
  }
  const member = group.members.get(gidGuid(request.portGid));
  return member !== undefined &&
    stateFits(group.scope, member.joinState, request, mask);
}

function stateFits(
  scope: number,
  joinState: number,
  request: McMemberRecord,
  mask: bigint,
): boolean {
  return ((mask & McMask.Scope) === 0n || request.scope === scope) &&
    ((mask & McMask.JoinState) === 0n || request.joinState === joinState);
}
