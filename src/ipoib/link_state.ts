/** User-visible state of a link: "running", or the condition that it waits for; and what is in doubt while it runs. */

import { Errno, errnoText } from "../base/errno.ts";
import { formatPkey } from "../base/units.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import { type SaFailure, unsentText } from "../sa/result.ts";
import { formatGid } from "../wire/gid.ts";
import { formatMadStatus, MadStatus } from "../wire/mad.ts";
import type { MulticastGroup } from "./multicast/multicast_group.ts";
import type { PkeyChoice } from "./pkey_choice.ts";

/** State of a link that carries traffic. */
export const RUNNING = "running";

const WAITS_FOR_MANAGER = "waiting for the subnet manager";

/** Input of {@linkcode linkState}. */
export interface LinkConditions {
  /** True if the network device is administratively up. */
  readonly up: boolean;
  readonly port: PortAttributes;
  readonly pkey: number;
  readonly pkeyChoice: PkeyChoice;
  /** Index of the P_Key in the port's P_Key table, or -1. */
  readonly pkeyIndex: number;
  /** What the device refuses; undefined if it refuses nothing. */
  readonly refusal: string | undefined;
  readonly broadcast: MulticastGroup | undefined;
}

/** Returns {@linkcode RUNNING}, or the condition that the interface waits for. */
export function linkState(conditions: LinkConditions): string {
  const { up, port, pkeyIndex, refusal, broadcast } = conditions;
  if (!up) return "administratively down";
  if (port.lost !== undefined) {
    return `waiting for device ${port.device}: ${port.lost}`;
  }
  if (port.state !== "active") {
    return port.state === "init"
      ? WAITS_FOR_MANAGER
      : `waiting for the port (${port.state})`;
  }
  if (pkeyIndex < 0) return pkeyState(conditions);
  if (refusal !== undefined) return refusal;
  if (broadcast?.ah) return RUNNING;
  if (!broadcast) return "starting";
  if (port.linkLayer === "infiniband" && port.smLid === 0) {
    return WAITS_FOR_MANAGER;
  }
  return joinState(broadcast, conditions);
}

function pkeyState({ pkey, pkeyChoice, port }: LinkConditions): string {
  if ("value" in pkeyChoice) {
    return `waiting for P_Key ${formatPkey(pkey)} in the port's table`;
  }
  const { length } = port.pkeys;
  return `waiting for a P_Key: index ${pkeyChoice.index} is empty (the table has ${length} ${
    length === 1 ? "entry" : "entries"
  })`;
}

/**
 * Returns why the membership in the broadcast group of a running link is in doubt; undefined if it is not. The link goes
 * on with the membership that it had when the last join or the last check (multicast/membership_checks.ts) failed.
 */
export function membershipDoubt(
  conditions: LinkConditions,
): string | undefined {
  const { broadcast, port } = conditions;
  if (!broadcast?.ah) return undefined;
  if (broadcast.failure !== undefined) return joinState(broadcast, conditions);
  const { mgid, checkFailure } = broadcast;
  return checkFailure &&
    failedRequest("membership check", nameOf(mgid), checkFailure, port);
}

function nameOf(mgid: Uint8Array): string {
  return `broadcast group ${formatGid(mgid)}`;
}

/**
 * Describes the join of the broadcast group, with the reason for a refusal by the subnet administrator: the obstacle, or
 * a likely reason that follows from the status.
 */
function joinState(
  {
    mgid,
    failure: errno,
    failureStatus: status,
    unsent,
    obstacle,
    remedy,
  }: MulticastGroup,
  { pkey, port }: LinkConditions,
): string {
  const group = nameOf(mgid);
  const partition = `partition ${formatPkey(pkey)}`;
  if (errno === undefined) return `waiting to join the ${group}`;
  if (obstacle !== undefined) return `${group} ${obstacle}`;
  switch (status) {
    case MadStatus.Ok:
      if (unsent || errno === Errno.ETIMEDOUT) break;
      return `the join of ${group} fails on this port: ${errnoText(errno)}${
        remedy === undefined ? "" : ` (${remedy})`
      }`;
    // The join has too few components to create a group, so the administrator has none.
    case MadStatus.InsufficientComponents:
    case MadStatus.NoRecords:
      return `${group} does not exist in ${partition}`;
    case MadStatus.RequestInvalid:
      return `${group} does not exist in ${partition}, or this port may not join it`;
    case MadStatus.RequestDenied:
      return `this port may not join ${group} in ${partition}`;
  }
  return failedRequest("join", group, { errno, status, unsent }, port);
}

/** Describes the failure of a request about a group, if its status says nothing about the group. */
function failedRequest(
  request: "join" | "membership check",
  group: string,
  { errno, status, unsent }: SaFailure,
  { smLid, gid }: PortAttributes,
): string {
  if (unsent) return unsentText(errno);
  if (errno === Errno.ETIMEDOUT) {
    return `the subnet administrator does not answer the ${request} of ${group} (SM LID ${smLid})`;
  }
  switch (status) {
    // The MAD layer of a host without a subnet administrator returns this status.
    case MadStatus.UnsupportedMethodAttribute:
      return `no subnet administrator at SM LID ${smLid} for the ${request} of ${group}`;
    case MadStatus.InvalidGid:
      return `the subnet administrator does not recognize port GID ${
        formatGid(gid)
      } in the ${request} of ${group}`;
    default:
      return `the subnet administrator refuses the ${request} of ${group} with status ${
        formatMadStatus(status)
      }`;
  }
}
