/**
 * Why the device file of a device or port could not be opened: the libraries' errno often says something else.
 *
 * `/dev/infiniband/uverbsN` is a device's, by `/sys/class/infiniband_verbs/uverbsN/ibdev`; `/dev/infiniband/umadN` a
 * port's, by `ibdev` and `port` in `/sys/class/infiniband_mad/umadN`.
 */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { listDirectory, readSmallFile } from "../../system/read_files.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";

const O_RDWR_CLOEXEC = 2 | 0x80000;

const CLASSES = { uverbs: "infiniband_verbs", umad: "infiniband_mad" } as const;

/** Where to look. */
export interface DeviceFiles {
  /** The folder of the device files. */
  folder: string;
  /** The folder with the kernel's classes. */
  classes: string;
  /** Opens a file to see whether that is possible: 0 or an errno. */
  tryOpen: (path: string) => number;
}

const HOST: DeviceFiles = {
  folder: "/dev/infiniband",
  classes: "/sys/class",
  tryOpen,
};

/** What is wrong with the device file of a device, or of its port; undefined if it can be opened. */
export function deviceFileError(
  kind: keyof typeof CLASSES,
  device: string,
  port?: number,
  { folder, classes, tryOpen }: DeviceFiles = HOST,
): IpoibError | undefined {
  const what = port === undefined ? device : `${device}/${port}`;
  const parent = `${classes}/${CLASSES[kind]}`;
  const file = listDirectory(parent).find((name) =>
    name.startsWith(kind) &&
    read(`${parent}/${name}/ibdev`) === device &&
    (port === undefined || read(`${parent}/${name}/port`) === String(port))
  );
  if (file === undefined) {
    return new IpoibError(
      "E_DEVICE_FILE",
      `The kernel has no ${folder}/${kind}N for ${what}`,
      { errno: Errno.ENOENT, hint: `load its module ib_${kind}` },
    );
  }
  const path = `${folder}/${file}`;
  const reason = tryOpen(path);
  switch (reason) {
    case 0:
      return undefined;
    case Errno.EACCES:
    case Errno.EPERM:
      return new IpoibError(
        "E_PRIVILEGE",
        `This user has no permission to open ${path}, which ${what} needs`,
        {
          errno: reason,
          hint:
            "run as root, or have the file opened to this user for reading and writing",
        },
      );
    case Errno.ENOENT:
      return new IpoibError(
        "E_DEVICE_FILE",
        `Device file ${path} does not exist, which ${what} needs`,
        { errno: reason, hint: `in a container, pass ${folder} to it` },
      );
    default:
      return new IpoibError(
        "E_DEVICE_FILE",
        `Cannot open ${path}, which ${what} needs: ${errnoText(reason)}`,
        { errno: reason },
      );
  }
}

function read(path: string): string | undefined {
  return readSmallFile(path)?.trim();
}

/** {@linkcode DeviceFiles.tryOpen}, by opening it. */
export function tryOpen(path: string): number {
  const number = libc().open(cString(path), O_RDWR_CLOEXEC, 0);
  if (number < 0) return errno();
  new Fd(number).close();
  return 0;
}
