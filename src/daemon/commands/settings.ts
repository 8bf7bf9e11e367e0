/** The error of an invalid value of a sysfs attribute or a module parameter. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";

/** Throws `E_VALUE` (EINVAL): `value` is not one of the attribute or parameter `name`. */
export function invalid(name: string, value: string, hint?: string): never {
  throw new IpoibError("E_VALUE", `Invalid value "${value}" for ${name}`, {
    errno: Errno.EINVAL,
    ...(hint === undefined ? {} : { hint }),
  });
}
