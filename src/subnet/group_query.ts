/** MCMemberRecord Get and GetTable: which groups are there (IBTA vol. 1 15.2.5.17; OpenSM's `mcmr_query_mgrp`). */

import { gidEquals, gidGuid } from "../wire/gid.ts";
import { MadStatus } from "../wire/mad.ts";
import { McMask, type McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { keyMismatch, sizeMismatch, undefinedCode } from "./group_match.ts";
import type { Group } from "./groups.ts";
import { memberRecord } from "./join.ts";
import { hasPkey } from "./partitions.ts";
import type { SubnetPort } from "./ports.ts";
import { SaRefusal } from "./refusal.ts";
import type { Subnet } from "./subnet.ts";

/**
 * One record for each group that fits, in the partitions of the requester.
 *
 * PortGID, JoinState and ProxyJoin are zero in the answers: nobody here is trusted with an SM_Key.
 *
 * @throws SaRefusal
 */
export function queryGroups(
  subnet: Subnet,
  requester: SubnetPort,
  request: McMemberRecord,
  mask: bigint,
): McMemberRecord[] {
  const code = undefinedCode(request, mask, McMask);
  if (code !== undefined) throw new SaRefusal(MadStatus.RequestInvalid, code);
  return [...subnet.groups]
    .filter((group) =>
      hasPkey(requester.pkeys, group.pkey) && fits(group, request, mask)
    )
    .map(memberRecord);
}

function fits(group: Group, request: McMemberRecord, mask: bigint): boolean {
  if ((mask & McMask.Mgid) !== 0n && !gidEquals(request.mgid, group.mgid)) {
    return false;
  }
  if ((mask & McMask.Mlid) !== 0n && request.mlid !== group.mlid) return false;
  if ((mask & McMask.Scope) !== 0n && request.scope !== (group.mgid[1]! & 15)) {
    return false;
  }
  if (keyMismatch(request, mask, group) !== undefined) return false;
  if (sizeMismatch(request, mask, group) !== undefined) return false;
  if ((mask & McMask.PortGid) === 0n) return true;
  const member = group.members.get(gidGuid(request.portGid));
  if (member === undefined) return false;
  return (mask & McMask.JoinState) === 0n ||
    request.joinState === member.joinState;
}
