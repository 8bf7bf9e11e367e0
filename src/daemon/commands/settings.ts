/** Settings that are common to `link set`, `link add` and the sysfs attributes. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { type CommandContext } from "./context.ts";

/** Throws `E_VALUE` (EINVAL): `value` is not one of the attribute or parameter `name`. */
export function invalid(name: string, value: string, hint?: string): never {
  throw new IpoibError("E_VALUE", `Invalid value "${value}" for ${name}`, {
    errno: Errno.EINVAL,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Throws `E_MODE` (EINVAL) for connected mode if the port does not support it. */
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
