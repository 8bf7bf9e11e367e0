/** The refusal of connections by ports without connection management. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { PortAttributes } from "./port_attributes.ts";

/** Returns `E_NO_CONNECTIONS` (EOPNOTSUPP), with the reason that the port's capabilities give. */
export function noConnections(
  { device, port, capabilities }: Pick<
    PortAttributes,
    "device" | "port" | "capabilities"
  >,
): IpoibError {
  return new IpoibError(
    "E_NO_CONNECTIONS",
    `Port ${port} of ${device} has no connections: ${capabilities.connectionManagement}`,
    { errno: Errno.EOPNOTSUPP, hint: "use datagram mode" },
  );
}
