/** Making a TUN: the steps, their order, and what each failure means to a user. */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { Capability, hasCapability } from "../../system/capability.ts";
import { Errno, errnoText } from "../../system/errno.ts";
import { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import {
  ARPHRD_INFINIBAND,
  IFNAMSIZ,
  OFFLOAD_SETS,
  Request,
  TunFlag,
} from "./constants.ts";
import { checkName, interfaceRequest, requestName } from "./name.ts";
import { interfaceIndex, Tun } from "./tun.ts";

const DEVICE = "/dev/net/tun";
const O_RDWR_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;

export interface TunOptions {
  /** At most 15 octets; one `%d` stands for the next free number. */
  readonly name: string;
  /** An open network namespace to make the device in; the thread's own if not given. */
  readonly netns?: number | undefined;
  /** The TUN_F_ bits that are wanted, all by default; what the kernel does not have stays off. */
  readonly offload?: number;
}

/**
 * Makes a TUN of link type InfiniBand: down, without carrier, no packet information, virtio header of
 * 12 octets, non-blocking. Errors: `E_NAME`, `E_NAME_TAKEN` (EEXIST), `E_PRIVILEGE`, `E_TUN_MISSING`, `E_TUN`.
 */
export function openTun(options: TunOptions): Tun {
  const { name, netns, offload = OFFLOAD_SETS[0]! } = options;
  checkName(name);
  return netns === undefined
    ? open(name, offload)
    : inNamespace(netns, name, () => open(name, offload));
}

function inNamespace(netns: number, name: string, fn: () => Tun): Tun {
  try {
    return withNamespace(netns, fn);
  } catch (error) {
    // setns(2) wants CAP_SYS_ADMIN.
    if (
      error instanceof IpoibError && error.code === "E_NETNS" &&
      error.errno === Errno.EPERM
    ) throw privilegeError(name, Errno.EPERM);
    throw error;
  }
}

function open(wanted: string, offload: number): Tun {
  using parts = new DisposableStack();
  const fd = parts.use(openDevice(wanted));
  const request = interfaceRequest(wanted);
  new DataView(request.buffer).setUint16(
    IFNAMSIZ,
    TunFlag.TUN | TunFlag.NO_PI | TunFlag.VNET_HDR | TunFlag.EXCL,
    true,
  );
  if (libc().ioctl(fd.number, Request.TUNSETIFF, request) < 0) {
    const why = errno();
    // Asked for by name, because it is the failure that users meet.
    if (!hasCapability(Capability.NetAdmin)) {
      throw privilegeError(wanted, Errno.EPERM);
    }
    throw createError(wanted, why);
  }
  const name = requestName(request);
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
      "E_TUN",
      `Cannot find network interface "${name}" that was just made`,
      { errno: Errno.ENODEV },
    );
  }
  parts.move();
  const tun = new Tun(fd, name, ifindex, 0);
  tun.setCarrier(false);
  for (const set of OFFLOAD_SETS) {
    if ((set & ~offload) === 0 && tun.setOffload(set)) break;
  }
  return tun;
}

function openDevice(name: string): Fd {
  const fd = libc().open(cString(DEVICE), O_RDWR_NONBLOCK_CLOEXEC, 0);
  if (fd >= 0) return new Fd(fd);
  const why = errno();
  if (why === Errno.EACCES || why === Errno.EPERM) {
    throw privilegeError(name, why);
  }
  const missing = why === Errno.ENOENT || why === Errno.ENODEV ||
    why === Errno.ENXIO;
  throw new IpoibError(
    missing ? "E_TUN_MISSING" : "E_TUN",
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
        "E_TUN",
        `Cannot create network interface "${name}": ${errnoText(why)}`,
        { errno: why },
      );
  }
}

function privilegeError(name: string, why: number): IpoibError {
  return new IpoibError(
    "E_PRIVILEGE",
    `Cannot create network interface "${name}": ${errnoText(why)}`,
    {
      errno: why,
      hint: "run as root, or with the capability CAP_NET_ADMIN",
    },
  );
}

function need(result: number, name: string, action: string): void {
  if (result >= 0) return;
  const why = errno();
  throw new IpoibError(
    "E_TUN",
    `Cannot ${action} on network interface "${name}": ${errnoText(why)}`,
    { errno: why },
  );
}
