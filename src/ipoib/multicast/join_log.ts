/** Log messages about failed multicast joins and lost memberships. */

import { Errno } from "../../base/errno.ts";
import { hex } from "../../base/hex.ts";
import type { Logger } from "../../base/log.ts";
import { formatGid } from "../../wire/gid.ts";
import { MAX_LOGGED_FAILURES } from "../constants.ts";
import type { DebugLog } from "../debug_log.ts";
import { refusalOf } from "./join_obstacle.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/**
 * Logs a failed join in the wording of ib_ipoib, with the reason of a refusal, at most MAX_LOGGED_FAILURES times per
 * group. Timeouts, EAGAIN and refused send-only joins are logged with mcast_debug_level, unless the device has refused to
 * send them. Refused send-only joins do not count toward the limit.
 */
export function logFailure(
  log: Logger,
  debug: DebugLog,
  group: MulticastGroup,
): void {
  const { failure: errno, sendOnly, unsent } = group;
  if (errno === undefined) return;
  if (group.logged >= MAX_LOGGED_FAILURES) return;
  const expected = sendOnly && errno === Errno.EINVAL && !unsent;
  if (!expected) group.logged++;
  const reason = refusalOf(group);
  const text = `${sendOnly ? "sendonly " : ""}multicast join failed for ${
    formatGid(group.mgid)
  }, status -${errno}${reason === undefined ? "" : `: ${reason}`}`;
  const silent = errno === Errno.ETIMEDOUT || errno === Errno.EAGAIN;
  if (expected || silent && !unsent) {
    debug.multicast(() => text);
  } else log.warn(text);
}

/**
 * Logs, once per group, that the port lost a membership without leaving the group.
 *
 * @param mlid the MLID that the group has now; undefined if the port is no longer a member
 */
export function logLoss(
  log: Logger,
  group: MulticastGroup,
  mlid: number | undefined,
): void {
  if (group.lossLogged) return;
  group.lossLogged = true;
  const gid = formatGid(group.mgid);
  log.warn(
    mlid === undefined
      ? `The port was no longer a member of ${gid}, as after a leave by another program on the port: joining again`
      : `The MLID of ${gid} was ${hex(group.record?.mlid ?? 0)} and is ${
        hex(mlid)
      }, as after a restart of the subnet manager: joining again`,
  );
}
