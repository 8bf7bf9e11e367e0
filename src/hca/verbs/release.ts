/** The calls of libibverbs that release an object: a failure is logged and has no other effect. */

import { errnoText } from "../../base/errno.ts";
import { getLogger } from "../../base/log.ts";

/**
 * Logs a failed release, such as that of an object of a device that was removed.
 *
 * @param object for example "a queue pair"
 * @param result of the call: 0, or an errno of either sign
 */
export function released(object: string, result: number): void {
  if (result === 0) return;
  const reason = errnoText(Math.abs(result));
  getLogger().warn(`Cannot release ${object}: ${reason}`);
}
