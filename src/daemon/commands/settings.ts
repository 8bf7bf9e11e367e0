/** What can be changed of an interface by more than one way: `link set`, `link add` and the sysfs files. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { MAX_MTU, MIN_DATAGRAM_MTU } from "../../ipoib/constants.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { type CommandContext } from "./context.ts";

/** Throws `E_MTU` (EINVAL). */
export function setMtu(
  context: CommandContext,
  each: IpoibInterface,
  mtu: number,
): void {
  const most = Math.min(MAX_MTU, context.port.attributes.maxMtu - 4);
  if (mtu < MIN_DATAGRAM_MTU || mtu > most) {
    throw new IpoibError(
      "E_MTU",
      `MTU ${mtu} of ${each.name} is out of range in datagram mode`,
      {
        errno: Errno.EINVAL,
        hint: `use ${MIN_DATAGRAM_MTU} to ${most}`,
      },
    );
  }
  each.setAdminMtu(mtu);
}

/** Throws `E_MODE` (EINVAL) for what the port does not have. */
export function checkMode(
  { port }: CommandContext,
  name: string,
  mode: "datagram" | "connected" | undefined,
): void {
  const reason = port.attributes.capabilities.connectionManagement;
  if (mode !== "connected" || reason === true) return;
  throw new IpoibError(
    "E_MODE",
    `${name} cannot use connected mode: ${reason}`,
    { errno: Errno.EINVAL, hint: "use datagram" },
  );
}
