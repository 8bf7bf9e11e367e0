/** The error thrown if the next-hop program is unavailable. */

import { IpoibError, type IpoibErrorDetails } from "../../base/errors.ts";
import { errnoText } from "../../base/errno.ts";

/** Hint for missing privileges. */
export const PRIVILEGE_HINT =
  "run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, in the initial user namespace";

/** Returns an `E_NEXT_HOP_PROGRAM` error with the message `Cannot ACTION: TEXT`. */
export function unavailable(
  action: string,
  details: IpoibErrorDetails & { errno: number },
): IpoibError {
  return new IpoibError(
    "E_NEXT_HOP_PROGRAM",
    `Cannot ${action}: ${errnoText(details.errno)}`,
    details,
  );
}
