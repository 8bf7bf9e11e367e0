/**
 * Determines why the device file of a device or port cannot be opened, as the errno of the libraries is often a
 * different one.
 *
 * The device of `/dev/infiniband/uverbsN` is named in `/sys/class/infiniband_verbs/uverbsN/ibdev`. The port of
 * `/dev/infiniband/umadN` is named in the files `ibdev` and `port` of `/sys/class/infiniband_mad/umadN`.
 */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { listDirectory, readSmallFile } from "../../system/read_files.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";

const O_RDWR_CLOEXEC = 2 | 0x80000;

/** Kernel classes of the device files, in sysfs. */
const CLASSES = { uverbs: "infiniband_verbs", umad: "infiniband_mad" } as const;

/** Locations of the device files; replaced in tests. */
export interface DeviceFiles {
  /** Directory of the device files. */
  directory: string;
  /** Directory of the kernel's device classes. */
  classes: string;
  /** Opens and closes a file. Returns 0, or a positive errno. */
  tryOpen: (path: string) => number;
}

const HOST: DeviceFiles = {
  directory: "/dev/infiniband",
  classes: "/sys/class",
  tryOpen,
};

/** Returns the name of the device file of a device or of a port, such as `uverbs0`; undefined if there is none. */
export function deviceFile(
  kind: keyof typeof CLASSES,
  device: string,
  port?: number,
  classes: string = HOST.classes,
): string | undefined {
  const parent = `${classes}/${CLASSES[kind]}`;
  return listDirectory(parent).find((name) =>
    name.startsWith(kind) &&
    read(`${parent}/${name}/ibdev`) === device &&
    (port === undefined || read(`${parent}/${name}/port`) === String(port))
  );
}

/**
 * Returns the error of opening the device file of a device or of a port: `E_DEVICE_FILE`, or `E_PRIVILEGE` without
 * permission. Returns undefined if the file can be opened.
 */
export function deviceFileError(
  kind: keyof typeof CLASSES,
  device: string,
  port?: number,
  { directory, classes, tryOpen }: DeviceFiles = HOST,
): IpoibError | undefined {
  const owner = port === undefined ? device : `${device}/${port}`;
  const file = deviceFile(kind, device, port, classes);
  if (file === undefined) {
    return new IpoibError(
      "E_DEVICE_FILE",
      `No device file ${directory}/${kind}N exists for ${owner}`,
      { errno: Errno.ENOENT, hint: `load kernel module ib_${kind}` },
    );
  }
  const path = `${directory}/${file}`;
  const reason = tryOpen(path);
  switch (reason) {
    case 0:
      return undefined;
    case Errno.EACCES:
    case Errno.EPERM:
      return new IpoibError(
        "E_PRIVILEGE",
        `No permission to open device file ${path} of ${owner}`,
        {
          errno: reason,
          hint: "run as root, or permit this user to read and write the file",
        },
      );
    case Errno.ENOENT:
      return new IpoibError(
        "E_DEVICE_FILE",
        `Device file ${path} of ${owner} does not exist`,
        {
          errno: reason,
          hint: `in a container, pass ${directory} through from the host`,
        },
      );
    default:
      return new IpoibError(
        "E_DEVICE_FILE",
        `Cannot open device file ${path} of ${owner}: ${errnoText(reason)}`,
        { errno: reason },
      );
  }
}

function read(path: string): string | undefined {
  return readSmallFile(path)?.trim();
}

/** Opens a file for reading and writing, and closes it. Returns 0, or a positive errno. */
export function tryOpen(path: string): number {
  const number = libc().open(cString(path), O_RDWR_CLOEXEC, 0);
  if (number < 0) return errno();
  new Fd(number).close();
  return 0;
}
