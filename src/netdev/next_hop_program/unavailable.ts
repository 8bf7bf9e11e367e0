/** Why the program cannot be used here, as an error. */

import { IpoibError, type IpoibErrorDetails } from "../../base/errors.ts";
import { errnoText } from "../../base/errno.ts";

/** What to do about missing privileges. */
export const PRIVILEGE_HINT =
  "run with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN in the initial user namespace, as root there has them";

/** An `E_NEXT_HOP_PROGRAM` error: `action` completes "Cannot ...". */
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
