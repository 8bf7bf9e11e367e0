/** User-visible state of a link: "running", or the condition that it waits for. */

import { Errno, errnoText } from "../base/errno.ts";
import { formatPkey } from "../base/units.ts";
import type { PortAttributes } from "../hca/hca.ts";
import { unsentText } from "../sa/result.ts";
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
 * Describes the join of the broadcast group, with the reason for a refusal by the subnet administrator: the obstacle, or
 * a likely reason that follows from the status.
 */
function joinState(
  {
    mgid,
    failure,
    failureStatus: status,
    unsent,
    obstacle,
    remedy,
  }: MulticastGroup,
  { pkey, port }: LinkConditions,
): string {
  const group = `broadcast group ${formatGid(mgid)}`;
  const partition = `partition ${formatPkey(pkey)}`;
  if (failure === undefined) return `waiting to join the ${group}`;
  if (unsent) return unsentText(failure);
  if (failure === Errno.ETIMEDOUT) {
    return `the subnet administrator does not answer the join of ${group} (SM LID ${port.smLid})`;
  }
  if (obstacle !== undefined) return `${group} ${obstacle}`;
  switch (status) {
    case MadStatus.Ok:
      return `the join of ${group} fails on this port: ${errnoText(failure)}${
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
    // The MAD layer of a host without a subnet administrator returns this status.
    case MadStatus.UnsupportedMethodAttribute:
      return `no subnet administrator at SM LID ${port.smLid} for the join of ${group}`;
    case MadStatus.InvalidGid:
      return `the subnet administrator does not recognize port GID ${
        formatGid(port.gid)
      } in the join of ${group}`;
    default:
      return `the subnet administrator refuses the join of ${group} with status ${
        formatMadStatus(status)
      }`;
  }
}
