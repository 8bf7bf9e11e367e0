/** Why an interface does not carry traffic yet, in words for the user. */

import { formatPkey } from "../base/units.ts";
import type { PortAttributes } from "../hca/hca.ts";
import { formatGid } from "../wire/gid.ts";
import type { Group } from "./multicast/group.ts";

const ETIMEDOUT = 110;

/** The text of a link that carries traffic. */
export const RUNNING = "running";

/** What decides. */
export interface LinkConditions {
  readonly up: boolean;
  readonly port: PortAttributes;
  readonly pkey: number;
  /** Position of the P_Key in the port's table, or -1. */
  readonly pkeyIndex: number;
  readonly broadcast: Group | undefined;
}

/** {@linkcode RUNNING}, or what the interface waits for. */
export function linkState(conditions: LinkConditions): string {
  const { up, port, pkey, pkeyIndex, broadcast } = conditions;
  if (!up) return "administratively down";
  if (port.state !== "active") {
    return port.state === "init"
      ? "waiting for the subnet manager"
      : `waiting for the port, which is ${port.state}`;
  }
  if (pkeyIndex < 0) {
    return `waiting for P_Key ${formatPkey(pkey)} in the port's table`;
  }
  if (broadcast?.ah) return RUNNING;
  if (!broadcast) return "starting";
  const group = formatGid(broadcast.mgid);
  if (broadcast.failure === undefined) {
    return `waiting to join the broadcast group ${group}`;
  }
  return broadcast.failure === ETIMEDOUT
    ? `waiting for the subnet administrator, which does not answer the join of ${group}`
    : `waiting for the broadcast group ${group}, which the subnet administrator refuses in partition ${
      formatPkey(pkey)
    }`;
}
