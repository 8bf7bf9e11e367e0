/**
 * Creation of TAP devices, and takeover of those that an earlier process has left. Failures are converted to errors
 * with hints.
 */

import { errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { Capability, hasCapability } from "../../system/capability.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import type { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { HOST_ADDRESS } from "../../wire/frame_header.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import {
  ARPHRD_ETHER,
  ARPHRD_INFINIBAND,
  IFNAMSIZ,
  OFFLOAD_SETS,
  Request,
  TapFlag,
} from "./constants.ts";
import { attachTap } from "./adopt_tap.ts";
import { checkName, interfaceRequest, requestName } from "./name.ts";
import { type AdoptedTap, interfaceIndex, Tap } from "./tap.ts";
import { openTunDevice, privilegeError, TAP_FLAGS } from "./tun_device.ts";
import { waitForName } from "./wait_for_name.ts";

export interface TapOptions {
  /** At most 15 bytes. The kernel replaces one `%d` with the next free number. */
  readonly name: string;
  /** An open network namespace for the device; undefined for the thread's own. */
  readonly netns?: number | undefined;
  /** TUN_F_ bits that may be enabled, all by default. Bits that the kernel does not support stay disabled. */
  readonly offload?: number;
  /**
   * If a TAP of this program has the name, take it over if its process left it persistent, and otherwise wait until the
   * kernel has deleted it, at most 15 s (wait_for_name.ts).
   */
  readonly left?: AdoptedTap;
}

/**
 * Creates a TAP of link type InfiniBand: down, without carrier, non-blocking, with a virtio header of 12 bytes and
 * without packet information. Its link-layer addresses have length 0. With {@linkcode TapOptions.left}, the device may
 * be that of an earlier process, in the state in which that has left it.
 *
 * Throws `E_NAME`, `E_NAME_TAKEN` (EEXIST), `E_PRIVILEGE`, `E_TAP_MISSING`, `E_TAP`, and `E_NETNS` if the namespace
 * cannot be entered.
 */
export function openTap(options: TapOptions): Tap {
  const { name, netns, offload = OFFLOAD_SETS[0]!, left } = options;
  checkName(name);
  const make = () => {
    const found = left && waitForName(name, () => attachTap(name, left));
    return found ?? open(name, offload);
  };
  return netns === undefined ? make() : inNamespace(netns, name, make);
}

function inNamespace(netns: number, name: string, fn: () => Tap): Tap {
  try {
    return withNamespace(netns, fn);
  } catch (error) {
    // setns(2) needs CAP_SYS_ADMIN.
    if (
      error instanceof IpoibError && error.code === "E_NETNS" &&
      error.errno === Errno.EPERM
    ) throw privilegeError(name, Errno.EPERM);
    throw error;
  }
}

function open(wanted: string, offload: number): Tap {
  using parts = new DisposableStack();
  const fd = parts.use(openTunDevice(wanted));
  const request = interfaceRequest(wanted);
  new DataView(request.buffer).setUint16(
    IFNAMSIZ,
    TAP_FLAGS | TapFlag.EXCL,
    true,
  );
  if (libc().ioctl(fd.number, Request.TUNSETIFF, request) < 0) {
    const why = errno();
    // Checked first, because missing privilege is the most common failure.
    if (!hasCapability(Capability.NetAdmin)) {
      throw privilegeError(wanted, Errno.EPERM);
    }
    throw createError(wanted, why);
  }
  const name = requestName(request);
  setHardwareAddress(fd, name);
  const length = new Uint8Array(new Int32Array([VNET_HEADER_LENGTH]).buffer);
  need(
    libc().ioctl(fd.number, Request.TUNSETVNETHDRSZ, length),
    name,
    "set the virtio header's length",
  );
  need(
    libc().ioctlValue(
      fd.number,
      Request.TUNSETLINK,
      BigInt(ARPHRD_INFINIBAND),
    ),
    name,
    "set the link type InfiniBand",
  );
  const ifindex = interfaceIndex(name);
  if (ifindex === undefined) {
    throw new IpoibError(
      "E_TAP",
      `Cannot find the new network interface "${name}"`,
      { errno: Errno.ENODEV },
    );
  }
  parts.move();
  const tap = new Tap(fd, name, ifindex, 0);
  tap.setCarrier(false);
  tap.setOffloads(offload);
  return tap;
}

/**
 * Sets the Ethernet address common to all devices of this program, so that the kernel accepts unicast frames to it.
 * Once the link type is InfiniBand, the address is not visible and cannot be changed.
 */
function setHardwareAddress(fd: Fd, name: string): void {
  const request = interfaceRequest(name);
  new DataView(request.buffer).setUint16(IFNAMSIZ, ARPHRD_ETHER, true);
  request.set(HOST_ADDRESS, IFNAMSIZ + 2);
  need(
    libc().ioctl(fd.number, Request.SIOCSIFHWADDR, request),
    name,
    "set the Ethernet address",
  );
}

function createError(name: string, why: number): IpoibError {
  switch (why) {
    case Errno.EBUSY:
    case Errno.EEXIST:
      return new IpoibError(
        "E_NAME_TAKEN",
        `Cannot create network interface "${name}": the name is taken`,
        {
          errno: Errno.EEXIST,
          hint: "choose another name, or delete the interface that has it",
        },
      );
    case Errno.EPERM:
    case Errno.EACCES:
      return privilegeError(name, why);
    default:
      return new IpoibError(
        "E_TAP",
        `Cannot create network interface "${name}": ${errnoText(why)}`,
        { errno: why },
      );
  }
}

function need(result: number, name: string, action: string): void {
  if (result >= 0) return;
  const why = errno();
  throw new IpoibError(
    "E_TAP",
    `Cannot ${action} on network interface "${name}": ${errnoText(why)}`,
    { errno: why },
  );
}
