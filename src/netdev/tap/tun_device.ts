/** Opens /dev/net/tun, to which TAPs are attached. Failures are converted to errors with hints. */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { Capability, hasCapability } from "../../system/capability.ts";
import { Fd } from "../../system/fd.ts";
import { TapFlag } from "./constants.ts";

const DEVICE = "/dev/net/tun";
const O_RDWR_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;

/** The flags that all TAPs of this program have. */
export const TAP_FLAGS = TapFlag.TAP | TapFlag.NO_PI | TapFlag.VNET_HDR;

/** Opens the device for the TAP `name`. Throws `E_PRIVILEGE`, `E_TAP_MISSING`, `E_TAP`. */
export function openTunDevice(name: string): Fd {
  const fd = libc().open(cString(DEVICE), O_RDWR_NONBLOCK_CLOEXEC, 0);
  if (fd >= 0) return new Fd(fd);
  const why = errno();
  if (why === Errno.EACCES && hasCapability(Capability.NetAdmin)) {
    throw new IpoibError("E_TAP", `Cannot open ${DEVICE}: ${errnoText(why)}`, {
      errno: why,
      hint: `run \`chmod 0666 ${DEVICE}\`: its usual mode is 0666`,
    });
  }
  if (why === Errno.EACCES || why === Errno.EPERM) {
    throw privilegeError(name, why);
  }
  const missing = why === Errno.ENOENT || why === Errno.ENODEV ||
    why === Errno.ENXIO;
  throw new IpoibError(
    missing ? "E_TAP_MISSING" : "E_TAP",
    `Cannot open ${DEVICE}: ${errnoText(why)}`,
    {
      errno: why,
      ...(missing
        ? { hint: "load the kernel module with `modprobe tun`" }
        : {}),
    },
  );
}

/** Returns the error for a lack of privilege. */
export function privilegeError(name: string, why: number): IpoibError {
  return new IpoibError(
    "E_PRIVILEGE",
    `Network interface "${name}" needs CAP_NET_ADMIN: ${errnoText(why)}`,
    {
      errno: why,
      hint:
        "run as root, or with this capability in the user namespace that owns the network namespace",
    },
  );
}
