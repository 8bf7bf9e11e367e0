/** Why an interface does not carry traffic yet, in words for the user. */

import { Errno } from "../base/errno.ts";
import { formatPkey } from "../base/units.ts";
import type { PortAttributes } from "../hca/hca.ts";
import { formatGid } from "../wire/gid.ts";
import { formatMadStatus, MadStatus } from "../wire/mad.ts";
import type { MulticastGroup } from "./multicast/multicast_group.ts";

/** The text of a link that carries traffic. */
export const RUNNING = "running";

const WAITS_FOR_MANAGER = "waiting for the subnet manager";

/** The port's rate in Mbit/s. */
export function portRateMbps(port: PortAttributes): number {
  return port.laneMbps * port.activeWidth;
}

/** What decides. */
export interface LinkConditions {
  readonly up: boolean;
  readonly port: PortAttributes;
  readonly pkey: number;
  /** Position of the P_Key in the port's table, or -1. */
  readonly pkeyIndex: number;
  readonly broadcast: MulticastGroup | undefined;
}

/** {@linkcode RUNNING}, or what the interface waits for. */
export function linkState(conditions: LinkConditions): string {
  const { up, port, pkey, pkeyIndex, broadcast } = conditions;
  if (!up) return "administratively down";
  if (port.state !== "active") {
    return port.state === "init"
      ? WAITS_FOR_MANAGER
      : `waiting for the port, which is ${port.state}`;
  }
  if (pkeyIndex < 0) {
    return `waiting for P_Key ${formatPkey(pkey)} in the port's table`;
  }
  if (broadcast?.ah) return RUNNING;
  if (!broadcast) return "starting";
  if (port.linkLayer === "infiniband" && port.smLid === 0) {
    return WAITS_FOR_MANAGER;
  }
  return joinState(broadcast, conditions);
}

/** Where the join of the broadcast group stands, and what the administrator most likely means by its refusal. */
function joinState(
  { mgid, failure, failureStatus: status }: MulticastGroup,
  { pkey, port }: LinkConditions,
): string {
  const group = `broadcast group ${formatGid(mgid)}`;
  const partition = `partition ${formatPkey(pkey)}`;
  if (failure === undefined) return `waiting to join the ${group}`;
  if (failure === Errno.ETIMEDOUT) {
    return `the subnet administrator does not answer the join of ${group} (SM LID ${port.smLid})`;
  }
  switch (status) {
    case MadStatus.Ok:
      return `${group} cannot be used by this port (error ${failure})`;
    // What the join says is not enough to create a group: nobody else has.
    case MadStatus.InsufficientComponents:
    case MadStatus.NoRecords:
      return `${group} does not exist in ${partition}`;
    case MadStatus.RequestInvalid:
      return `${group} does not exist in ${partition}, or this port may not join it`;
    case MadStatus.RequestDenied:
      return `this port may not join ${group} in ${partition}`;
    // A host's own MAD layer says so where no administrator listens.
    case MadStatus.UnsupportedMethodAttribute:
      return `there is no subnet administrator at SM LID ${port.smLid} to join ${group}`;
    case MadStatus.InvalidGid:
      return `the subnet administrator does not know ${
        formatGid(port.gid)
      }, which is to join ${group}`;
    default:
      return `the subnet administrator refuses the join of ${group} with status ${
        formatMadStatus(status)
      }`;
  }
}
