/**
 * Why the subnet administrator refuses a join: the fields of the group that do not match the request or the port.
 *
 * An obstacle is a predicate whose subject is the group, such as "has MTU 4096, the port has 2048". The checks are those
 * of OpenSM's osm_sa_mcmember_record.c, which reports all of them with the same status, "request invalid".
 */

import { formatRate, rateDataMbps } from "../../base/rates.ts";
import { formatMtuCode, formatPkey, mtuCodeBytes } from "../../base/units.ts";
import type { PortAttributes } from "../../hca/port_attributes.ts";
import { portRateCode } from "../../hca/port_rate.ts";
import type { MembershipRequest } from "../../sa/requests.ts";
import { unsentText } from "../../sa/result.ts";
import { formatGid } from "../../wire/gid.ts";
import { formatMadStatus, MadStatus } from "../../wire/mad.ts";
import {
  JoinState,
  type McMemberRecord,
} from "../../wire/sa/mc_member_record.ts";
import {
  keyMismatches,
  type Mismatch,
  sizeMismatches,
} from "../../wire/sa/member_mismatch.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** A refused join: the request, the port, and the P_Key of the interface. */
export interface RefusedJoin {
  readonly request: MembershipRequest;
  /** MAD status of the refusal. */
  readonly status: number;
  readonly port: PortAttributes;
  /** With the full-member bit. */
  readonly pkey: number;
}

/** Returns the obstacle to the join of a group whose record the administrator has returned. */
export function obstacleOfGroup(
  { request: { record, mask }, port, pkey }: RefusedJoin,
  group: McMemberRecord,
): string {
  const found = [
    ...keyMismatches(record, mask, group),
    ...sizeMismatches(record, mask, group),
  ].map(requires).concat(beyondPort(group, port).map((each) => `has ${each}`));
  if (found.length > 0) return found.join("; ");
  const refused = "is refused, although its parameters match the join";
  return port.pkeys.includes(pkey)
    ? `${refused}; the log of the subnet manager has the reason`
    : `${refused}; the port is only a limited member of ${partition(pkey)}`;
}

/**
 * True if the status of a refused broadcast join means that the group exists: a join with too few components to create
 * a group is refused with another status if it does not.
 */
export function isConcealed(status: number): boolean {
  return status === MadStatus.RequestInvalid ||
    status === MadStatus.RequestDenied;
}

/**
 * Returns the obstacle to the join of a broadcast group of which the administrator returns no record, which it conceals
 * from ports outside the partition. `elsewhere` is the broadcast group of the partition with another scope, if there is
 * one.
 */
export function obstacleOfBroadcast(
  { status, pkey }: RefusedJoin,
  elsewhere: Uint8Array | undefined,
): string {
  const absent = `does not exist in ${partition(pkey)}`;
  if (elsewhere) {
    return `${absent}, whose broadcast group ${
      formatGid(elsewhere)
    } has scope ${elsewhere[1]! & 15}`;
  }
  if (isConcealed(status)) {
    return `is in ${
      partition(pkey)
    }, of which the port is not a member according to the subnet administrator`;
  }
  return status === MadStatus.InsufficientComponents ||
      status === MadStatus.NoRecords
    ? absent
    : `${absent}, or the port is not a member of it (status ${
      formatMadStatus(status)
    })`;
}

/**
 * Returns the obstacle to the creation of a group. `link` is the administrator's record of its broadcast group, whose
 * P_Key, Q_Key, TClass, SL, FlowLabel and HopLimit it must have (RFC 4391 section 10, OpenSM's
 * ipoib_mcgroup_creation_validation).
 */
export function obstacleToCreation(
  { request: { record, mask }, port, pkey }: RefusedJoin,
  broadcast: Uint8Array,
  link: McMemberRecord | undefined,
): string {
  const group = `its broadcast group ${formatGid(broadcast)}`;
  const failed = "does not exist and cannot be created";
  if (!link) {
    return `${failed}: ${group} does not exist, or the port is not a member of ${
      partition(pkey)
    }`;
  }
  const found = keyMismatches(record, mask, link)
    .map((each) => `${group} ${requires(each)}`)
    .concat(beyondPort(record, port).map((each) => `it would have ${each}`));
  if (found.length > 0) return `${failed}: ${found.join("; ")}`;
  // ClassPortInfo announces the support (CapabilityMask2, IsSendOnlyFullMemberSupported).
  return record.joinState === JoinState.SendOnlyFullMember
    ? `${failed}; the subnet administrator may not support JoinState 8 (send-only full member)`
    : `${failed}; the log of the subnet manager has the reason`;
}

/** Returns the reason of the last refusal, by the administrator or the device, as a sentence; undefined if there was none. */
export function refusalOf(
  { failure, failureStatus: status, unsent, obstacle, remedy }: MulticastGroup,
): string | undefined {
  if (failure === undefined) return undefined;
  if (unsent) return unsentText(failure);
  if (obstacle !== undefined) return `the group ${obstacle}`;
  return status === MadStatus.Ok
    ? remedy
    : `the subnet administrator refuses the join with status ${
      formatMadStatus(status)
    }`;
}

function requires({ field, requested, actual }: Mismatch): string {
  return `has ${field} ${actual}, the join requires ${requested}`;
}

/** Returns MTU and rate of a group if they are more than the port's, as "MTU 4096, the port has 2048". */
function beyondPort(
  { mtu, rate }: Pick<McMemberRecord, "mtu" | "rate">,
  port: PortAttributes,
): string[] {
  const bytes = mtuCodeBytes(mtu) ?? 0;
  const code = portRateCode(port);
  const slower = code !== undefined &&
    rateDataMbps(code)! < (rateDataMbps(rate) ?? 0);
  return [
    ...bytes > port.activeMtu
      ? [`MTU ${formatMtuCode(mtu)}, the port has ${port.activeMtu}`]
      : [],
    ...slower
      ? [`rate ${formatRate(rate)}, the port has ${formatRate(code)}`]
      : [],
  ];
}

function partition(pkey: number): string {
  return `partition ${formatPkey(pkey)}`;
}
