/**
 * Joins and leaves of multicast groups: MCMemberRecord Set and Delete (IBTA vol. 1 15.2.5.17, with the checks and
 * statuses of OpenSM's osm_sa_mcmember_record.c).
 */

import { formatGuid, hex } from "../base/hex.ts";
import { formatPkey, ibMtuBytes, pkeysMatch } from "../base/units.ts";
import { formatGid, gidGuid, gidPrefix } from "../wire/gid.ts";
import { MadStatus } from "../wire/mad.ts";
import { McMask, McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { formatRate, rateDataMbps } from "../base/rates.ts";
import { Selector } from "../wire/sa/selector.ts";
import { groupOfRequest } from "./group_creation.ts";
import { keyMismatch, sizeMismatch, undefinedCode } from "./group_match.ts";
import type { GroupParameters, SubnetGroup } from "./groups.ts";
import { hasPkey } from "./partitions.ts";
import type { EndPoint, SubnetPort } from "./ports.ts";
import { SaRefusal } from "./refusal.ts";
import { LINK, MAX_GROUPS_PER_PORT } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/** Components that every join and leave must have. */
const JOIN_COMPONENTS: readonly (readonly [string, bigint])[] = [
  ["MGID", McMask.Mgid],
  ["PortGID", McMask.PortGid],
  ["JoinState", McMask.JoinState],
];

/**
 * Adds a port, which may be another than the requester, to a group. Creates the group if it does not exist and the
 * request permits its creation.
 *
 * @returns the record of the membership, for the response.
 * @throws SaRefusal if the request is invalid or not permitted, or if the port has {@linkcode MAX_GROUPS_PER_PORT}
 *   groups or no MLID is free.
 */
export function joinGroup(
  subnet: Subnet,
  requester: SubnetPort,
  request: McMemberRecord,
  mask: bigint,
): McMemberRecord {
  const port = memberOf(subnet, request, mask);
  const proxy = port !== requester;
  if (proxy && !sharePartition(port, requester)) {
    throw invalid(
      `${formatGuid(requester.guid)} requests a membership of ${
        formatGuid(port.guid)
      }, with which it shares no partition`,
    );
  }
  if ((mask & McMask.Pkey) !== 0n && (request.pkey & 0x7fff) === 0) {
    throw invalid(`P_Key ${formatPkey(request.pkey)} is invalid`);
  }
  if (request.joinState === 0) throw invalid("JoinState is 0");

  const existing = subnet.groups.get(request.mgid);
  const mismatch = existing && keyMismatch(request, mask, existing);
  if (mismatch !== undefined) throw invalid(mismatch);
  const parameters = existing ?? groupOfRequest(subnet, request, mask);
  const size = sizeMismatch(request, mask, parameters) ??
    portIncapable(subnet, parameters);
  if (size !== undefined) throw invalid(size);
  if (!hasPkey(port.pkeys, parameters.pkey)) {
    throw invalid(
      `${formatGuid(port.guid)} is not in partition ${
        formatPkey(parameters.pkey)
      }`,
    );
  }
  if (existing) checkModify(existing, port, requester);
  if (
    existing?.members.has(port.guid) !== true &&
    subnet.groups.countOf(port) >= MAX_GROUPS_PER_PORT
  ) {
    throw new SaRefusal(
      MadStatus.NoResources,
      `${formatGuid(port.guid)} is a member of ${MAX_GROUPS_PER_PORT} groups`,
    );
  }

  const asked = (mask & McMask.Mlid) !== 0n ? { mlid: request.mlid } : {};
  const group = existing ?? subnet.groups.create(parameters, asked);
  if (group === undefined) {
    throw new SaRefusal(MadStatus.NoResources, "no multicast LID is free");
  }
  const member = subnet.groups.join(group, port, request.joinState, proxy);
  return {
    ...memberRecord(group),
    portGid: request.portGid,
    joinState: member.joinState,
    proxyJoin: request.proxyJoin,
  };
}

/**
 * Removes join states from a port's membership.
 *
 * @returns the record with the remaining join states, for the response.
 * @throws SaRefusal if the group or membership does not exist, does not have the join states, or belongs to another
 *   requester.
 */
export function leaveGroup(
  subnet: Subnet,
  requester: SubnetPort,
  request: McMemberRecord,
  mask: bigint,
): McMemberRecord {
  const port = memberOf(subnet, request, mask);
  const group = subnet.groups.get(request.mgid);
  if (group === undefined) throw invalid("the group does not exist");
  const member = group.members.get(port.guid);
  if (member === undefined) {
    throw invalid(`${formatGuid(port.guid)} is not a member`);
  }
  if ((request.joinState & member.joinState) === 0) {
    throw invalid(
      `JoinState ${request.joinState} has no bit of the member's ${member.joinState}`,
    );
  }
  if ((request.joinState & ~member.joinState) !== 0) {
    throw invalid(
      `JoinState ${request.joinState} has bits that the member's ${member.joinState} does not have`,
    );
  }
  checkModify(group, port, requester);
  const joinState = subnet.groups.leave(group, port, request.joinState);
  // The other fields of the response are the request's.
  return {
    ...request,
    mtuSelector: Selector.Exactly,
    rateSelector: Selector.Exactly,
    lifetimeSelector: Selector.Exactly,
    scope: group.scope,
    joinState,
  };
}

/** Returns the record of a group, without PortGID and JoinState. The selectors of every response are "exactly". */
export function memberRecord(group: SubnetGroup): McMemberRecord {
  return McMemberRecord.of({
    mgid: group.mgid,
    qkey: group.qkey,
    mlid: group.mlid,
    mtuSelector: Selector.Exactly,
    mtu: group.mtu,
    tclass: group.tclass,
    pkey: group.pkey,
    rateSelector: Selector.Exactly,
    rate: group.rate,
    lifetimeSelector: Selector.Exactly,
    lifetime: group.lifetime,
    sl: group.sl,
    flowLabel: group.flowLabel,
    hopLimit: group.hopLimit,
    scope: group.scope,
  });
}

/** True if the P_Key tables have a pair of P_Keys that match: the same partition, and not both limited. */
export function sharePartition(a: EndPoint, b: EndPoint): boolean {
  // A port always has access to its own records, even as a limited member, whose P_Key does not match itself.
  return a === b || a.pkeys.some((x) => b.pkeys.some((y) => pkeysMatch(x, y)));
}

/** Returns the port that PortGID names. Throws SaRefusal if a required component is missing or the port not active. */
function memberOf(
  subnet: Subnet,
  request: McMemberRecord,
  mask: bigint,
): SubnetPort {
  const missing = JOIN_COMPONENTS
    .filter(([, bit]) => (mask & bit) === 0n).map(([name]) => name);
  if (missing.length > 0) {
    throw new SaRefusal(
      MadStatus.InsufficientComponents,
      `the request has no ${missing.join(", ")} (component mask ${
        hex(mask, 0)
      })`,
    );
  }
  const code = undefinedCode(request, mask, McMask);
  if (code !== undefined) throw invalid(code);
  const prefix = gidPrefix(request.portGid);
  if (prefix !== subnet.prefix) {
    throw new SaRefusal(
      MadStatus.InvalidGid,
      `PortGID ${formatGid(request.portGid)} has another subnet's prefix`,
    );
  }
  const port = subnet.ports.byGuid(gidGuid(request.portGid));
  if (port === undefined || !port.active) {
    throw invalid(`no active port has PortGID ${formatGid(request.portGid)}`);
  }
  return port;
}

function portIncapable(
  subnet: Subnet,
  group: GroupParameters,
): string | undefined {
  if (group.mtu > subnet.mtuCode) {
    return `the group's MTU is ${ibMtuBytes(group.mtu)}, the port's ${
      ibMtuBytes(subnet.mtuCode)
    }`;
  }
  const rate = rateDataMbps(group.rate) ?? 0;
  return rate > rateDataMbps(LINK.rateCode)!
    ? `the group's rate is ${formatRate(group.rate)}, the port's ${
      formatRate(LINK.rateCode)
    }`
    : undefined;
}

/** Checks that the requester may modify the port's membership, if there is one (IBTA vol. 1 o15-0.2.1). */
function checkModify(
  group: SubnetGroup,
  port: SubnetPort,
  requester: SubnetPort,
): void {
  const member = group.members.get(port.guid);
  if (member === undefined) return;
  if (!member.proxyJoin && requester !== port) {
    throw invalid(
      `${formatGuid(requester.guid)} cannot change the membership of ${
        formatGuid(port.guid)
      }, which joined itself`,
    );
  }
  if (member.proxyJoin && !hasPkey(requester.pkeys, group.pkey)) {
    throw invalid(
      `${formatGuid(requester.guid)} is not in partition ${
        formatPkey(group.pkey)
      }`,
    );
  }
}

function invalid(reason: string): SaRefusal {
  return new SaRefusal(MadStatus.RequestInvalid, reason);
}
