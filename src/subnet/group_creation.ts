/**
 * Parameters of a group that a join creates (IBTA vol. 1 o15-0.2.3; OpenSM's rules and defaults).
 *
 * A group with an IPoIB signature requires the broadcast group of its scope and P_Key, and must have the same P_Key,
 * Q_Key, TClass, SL, FlowLabel and, if the request has it, HopLimit (OpenSM's ipoib_mcgroup_creation_validation).
 */

import { hex } from "../base/hex.ts";
import { ibMtuBytes } from "../base/units.ts";
import { formatGid, gidEquals } from "../wire/gid.ts";
import {
  broadcastMgid,
  mgidPkey,
  MgidSignature,
  mgidSignature,
} from "../wire/mgid.ts";
import { MadStatus } from "../wire/mad.ts";
import {
  JoinState,
  McMask,
  type McMemberRecord,
} from "../wire/sa/mc_member_record.ts";
import { formatRate, rateDataMbps, slowerRate } from "../base/rates.ts";
import { Selector } from "../wire/sa/selector.ts";
import { keyMismatch } from "./group_match.ts";
import { type GroupParameters, SA_SIGNATURE } from "./groups.ts";
import { SaRefusal } from "./refusal.ts";
import { LINK } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/** Components that a join must have to create a group, in addition to those of every join. Together: 0x130c7. */
const CREATE_COMPONENTS: readonly (readonly [string, bigint])[] = [
  ["Q_Key", McMask.Qkey],
  ["TClass", McMask.Tclass],
  ["P_Key", McMask.Pkey],
  ["FlowLabel", McMask.FlowLabel],
  ["SL", McMask.Sl],
];
const MAY_CREATE = JoinState.FullMember | JoinState.SendOnlyFullMember;
const MAX_MTU_CODE = 5;

/**
 * Returns the parameters of the group that a join creates.
 *
 * @throws SaRefusal if the join state or the components do not permit creation, or if the parameters are invalid.
 */
export function groupOfRequest(
  subnet: Subnet,
  request: McMemberRecord,
  mask: bigint,
): GroupParameters {
  if ((request.joinState & MAY_CREATE) === 0) {
    throw new SaRefusal(
      MadStatus.RequestInvalid,
      `the group does not exist and JoinState ${request.joinState} cannot create it (only 1 and 8 can)`,
    );
  }
  const missing = CREATE_COMPONENTS
    .filter(([, bit]) => (mask & bit) === 0n).map(([name]) => name);
  if (missing.length > 0) {
    throw new SaRefusal(
      MadStatus.InsufficientComponents,
      `the group does not exist and its creation requires ${
        missing.join(", ")
      } (component mask ${hex(mask, 0)})`,
    );
  }
  const mgid = isZero(request.mgid)
    ? subnet.newMgid((mask & McMask.Scope) !== 0n ? request.scope : undefined)
    : request.mgid;
  if (mgid === request.mgid) checkMgid(subnet, request, mask);
  return {
    mgid,
    pkey: request.pkey,
    qkey: request.qkey,
    mtu: realizableMtu(subnet, request, mask),
    rate: realizableRate(request, mask),
    // These are copied from the request whether or not the component mask includes them.
    lifetime: request.lifetime,
    hopLimit: request.hopLimit,
    scope: request.scope,
    joinState: request.joinState,
    sl: request.sl,
    flowLabel: request.flowLabel,
    tclass: request.tclass,
  };
}

function checkMgid(
  subnet: Subnet,
  request: McMemberRecord,
  mask: bigint,
): void {
  const { mgid } = request;
  if (mgid[0] !== 0xff) {
    throw invalid("MGID does not begin with 0xff");
  }
  const signature = mgidSignature(mgid);
  if (
    signature !== MgidSignature.Ipv4 && signature !== MgidSignature.Ipv6
  ) {
    if ((mgid[1]! & 0xe0) !== 0) {
      throw invalid(`MGID has reserved flags, byte 1 is ${hex(mgid[1]!, 2)}`);
    }
    if (signature === SA_SIGNATURE && (mgid[1]! & 15) === 2) {
      throw invalid("MGID has the administrator's own signature 0xa01b");
    }
    return;
  }
  const broadcast = broadcastMgid(mgidPkey(mgid), mgid[1]! & 15);
  if (gidEquals(broadcast, mgid)) return;
  const link = subnet.groups.get(broadcast);
  if (link === undefined) {
    throw invalid(
      `its IPoIB broadcast group ${formatGid(broadcast)} does not exist`,
    );
  }
  const mismatch = keyMismatch(request, mask, link);
  if (mismatch !== undefined) {
    throw invalid(`${mismatch} (broadcast group ${formatGid(broadcast)})`);
  }
}

function realizableMtu(
  subnet: Subnet,
  request: McMemberRecord,
  mask: bigint,
): number {
  const both = McMask.Mtu | McMask.MtuSelector;
  const selector = request.mtuSelector;
  if ((mask & both) !== both || selector === Selector.Best) {
    return subnet.mtuCode;
  }
  let mtu = request.mtu;
  if (selector === Selector.GreaterThan) {
    if (mtu >= subnet.mtuCode) {
      throw invalid(
        `request has MTU more than ${ibMtuBytes(mtu)}, subnet has ${
          ibMtuBytes(subnet.mtuCode)
        }`,
      );
    }
    mtu = subnet.mtuCode;
  } else if (selector === Selector.LessThan) {
    mtu = Math.min(mtu - 1, subnet.mtuCode);
  }
  if (mtu < 1 || mtu > MAX_MTU_CODE) {
    throw invalid(`no MTU is less than ${ibMtuBytes(request.mtu)}`);
  }
  return mtu;
}

function realizableRate(request: McMemberRecord, mask: bigint): number {
  const both = McMask.Rate | McMask.RateSelector;
  const selector = request.rateSelector;
  if ((mask & both) !== both || selector === Selector.Best) {
    return LINK.rateCode;
  }
  const asked = rateDataMbps(request.rate)!;
  const link = rateDataMbps(LINK.rateCode)!;
  if (selector === Selector.GreaterThan) {
    if (asked >= link) {
      throw invalid(
        `request has rate more than ${formatRate(request.rate)}, links have ${
          formatRate(LINK.rateCode)
        }`,
      );
    }
    return LINK.rateCode;
  }
  if (selector === Selector.Exactly) return request.rate;
  if (asked > link) return LINK.rateCode;
  const slower = slowerRate(request.rate);
  if (slower === undefined) {
    throw invalid(`no rate is less than ${formatRate(request.rate)}`);
  }
  return slower;
}

function isZero(mgid: Uint8Array): boolean {
  return mgid.every((byte) => byte === 0);
}

function invalid(reason: string): SaRefusal {
  return new SaRefusal(MadStatus.RequestInvalid, reason);
}
