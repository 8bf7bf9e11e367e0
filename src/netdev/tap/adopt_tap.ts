/**
 * Takes over a TAP that another process of this program has created, with everything that the kernel stores for it:
 * name, addresses, routes, neighbours, MTU and flags.
 *
 * Either a descriptor of that process is still open, because it was passed on or a service manager kept it, or the
 * device is persistent (TUNSETPERSIST) and has no descriptor.
 */

import { libc } from "../../../ffi/libc.ts";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { Fd } from "../../system/fd.ts";
import { IFNAMSIZ, Request, TapFlag } from "./constants.ts";
import { interfaceRequest, requestName } from "./name.ts";
import { openTunDevice, TAP_FLAGS } from "./tun_device.ts";
import { type AdoptedTap, Tap } from "./tap.ts";

/** Facts for a device whose earlier process has left none. */
export const UNKNOWN_TAP: AdoptedTap = { takesUdpFrames: false };
/** The features of a device are set by the first call of `setOffloads()`. */
const UNKNOWN_OFFLOAD = -1;

/**
 * Returns the TAP of an open descriptor, whose ownership is transferred. Throws `E_NETDEV_GONE` (ENODEV) if the device
 * was deleted or the descriptor is not one of a TAP.
 */
export function adoptTap(fd: Fd, facts: AdoptedTap = UNKNOWN_TAP): Tap {
  const device = describe(fd);
  using place = device && new Tap(fd, device.name, 0, 0).locate();
  if (device && place) {
    const { name } = device;
    return new Tap(fd, name, place.ifindex, UNKNOWN_OFFLOAD, facts);
  }
  fd.close();
  throw new IpoibError(
    "E_NETDEV_GONE",
    "The network device of an earlier process does not exist any more",
    { errno: Errno.ENODEV },
  );
}

/**
 * Attaches to the persistent TAP of this name in the thread's namespace. Returns undefined if there is none, or while
 * another process, which may be ending, is attached to it. Throws the errors of `openTunDevice()`.
 */
export function attachTap(
  name: string,
  facts: AdoptedTap = UNKNOWN_TAP,
): Tap | undefined {
  using parts = new DisposableStack();
  const fd = parts.use(openTunDevice(name));
  const request = interfaceRequest(name);
  new DataView(request.buffer).setUint16(IFNAMSIZ, TAP_FLAGS, true);
  if (libc().ioctl(fd.number, Request.TUNSETIFF, request) < 0) return undefined;
  // If the device was deleted in the meantime, the call has created another one, which is deleted with its descriptor.
  if (!describe(fd)?.persistent) return undefined;
  parts.move();
  return adoptTap(fd, facts);
}

/** Returns the name and the persistence of the TAP of a descriptor; undefined if it is none. */
function describe(fd: Fd): { name: string; persistent: boolean } | undefined {
  const request = interfaceRequest("");
  if (libc().ioctl(fd.number, Request.TUNGETIFF, request) < 0) return undefined;
  const flags = new DataView(request.buffer).getUint16(IFNAMSIZ, true);
  if ((flags & TAP_FLAGS) !== TAP_FLAGS) return undefined;
  return {
    name: requestName(request),
    persistent: (flags & TapFlag.PERSIST) !== 0,
  };
}
