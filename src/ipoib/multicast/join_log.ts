/** What the log says of joins. */

import { Errno } from "../../base/errno.ts";
import type { Logger } from "../../base/log.ts";
import { formatGid } from "../../wire/gid.ts";
import { MAX_LOGGED_FAILURES } from "../constants.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** A join failed: the driver's words, at most twenty times; what is to be expected is for debugging only. */
export function logFailure(
  log: Logger,
  group: MulticastGroup,
  errno: number,
): void {
  if (group.logged >= MAX_LOGGED_FAILURES) return;
  const expected = group.sendOnly && errno === Errno.EINVAL;
  if (!expected) group.logged++;
  const text = `${group.sendOnly ? "sendonly " : ""}multicast join failed for ${
    formatGid(group.mgid)
  }, status -${errno}`;
  if (expected || errno === Errno.ETIMEDOUT || errno === Errno.EAGAIN) {
    log.debug(text);
  } else log.warn(text);
}

/** A membership had ended without a leave of ours: once for each group. */
export function logLoss(log: Logger, group: MulticastGroup): void {
  if (group.lossLogged) return;
  group.lossLogged = true;
  log.warn(
    `The port was no member of ${
      formatGid(group.mgid)
    } any longer, as when another program on it has left the group: joined again`,
  );
}
