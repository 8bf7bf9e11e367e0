/** Creation of TAP devices. Failures are converted to errors with hints. */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { Capability, hasCapability } from "../../system/capability.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
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
import { checkName, interfaceRequest, requestName } from "./name.ts";
import { interfaceIndex, Tap } from "./tap.ts";
import { waitForName } from "./wait_for_name.ts";

const DEVICE = "/dev/net/tun";
const O_RDWR_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;

export interface TapOptions {
  /** At most 15 bytes. The kernel replaces one `%d` with the next free number. */
  readonly name: string;
  /** An open network namespace for the device; undefined for the thread's own. */
  readonly netns?: number | undefined;
  /** TUN_F_ bits that may be enabled, all by default. Bits that the kernel does not support stay disabled. */
  readonly offload?: number;
  /** Wait until no TAP of this program has the name, at most 15 s (wait_for_name.ts). */
  readonly waitForName?: boolean;
}

/**
 * Creates a TAP of link type InfiniBand: down, without carrier, non-blocking, with a virtio header of 12 bytes and
 * without packet information. Its link-layer addresses have length 0. Throws `E_NAME`, `E_NAME_TAKEN` (EEXIST),
 * `E_PRIVILEGE`, `E_TAP_MISSING`, `E_TAP`, and `E_NETNS` if the namespace cannot be entered.
 */
export function openTap(options: TapOptions): Tap {
  const { name, netns, offload = OFFLOAD_SETS[0]! } = options;
  checkName(name);
  const make = () => {
    if (options.waitForName) waitForName(name);
    return open(name, offload);
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
  const fd = parts.use(openDevice(wanted));
  const request = interfaceRequest(wanted);
  new DataView(request.buffer).setUint16(
    IFNAMSIZ,
    TapFlag.TAP | TapFlag.NO_PI | TapFlag.VNET_HDR | TapFlag.EXCL,
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

function openDevice(name: string): Fd {
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

function privilegeError(name: string, why: number): IpoibError {
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

function need(result: number, name: string, action: string): void {
  if (result >= 0) return;
  const why = errno();
  throw new IpoibError(
    "E_TAP",
    `Cannot ${action} on network interface "${name}": ${errnoText(why)}`,
    { errno: why },
  );
}
