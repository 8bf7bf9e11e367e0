/**
 * The presence of a device on the host, according to sysfs: whether an open device was removed, and whether a lost one
 * exists again. The device is the same one if it has the same name and the same node GUID.
 *
 * The kernel reports the removal as a fatal error if the driver of the device supports the removal of a device in use.
 * Otherwise it removes the device file, and then waits, without an event, until all users have closed the device (Linux
 * ib_uverbs_remove_one): that of soft RoCE for example. Therefore the device files are looked for.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { readSmallFile } from "../../system/read_files.ts";
import { deviceFile, tryOpen } from "./access.ts";

const CLASSES = "/sys/class";
/** Why a device is lost: {@linkcode DevicePresence.removed}. */
export const REMOVED = "it was removed";

/** Names of a port. */
export interface PresentPort {
  readonly device: string;
  /** From 1. */
  readonly port: number;
  /** True for an Ethernet port, which has no device file for MADs. */
  readonly roce: boolean;
}

export class DevicePresence {
  readonly #names: PresentPort;
  readonly #classes: string;
  /** The node GUID as in sysfs: `5254:00ff:fe00:0003`. */
  readonly #guid: string | undefined;
  /** Directories of the device files in sysfs. */
  #files: readonly string[] = [];

  /** @param classes directory of the kernel's device classes */
  constructor(names: PresentPort, classes: string = CLASSES) {
    this.#names = names;
    this.#classes = classes;
    this.#guid = this.#readGuid();
    this.opened();
  }

  /** The device was opened, perhaps again: notes its device files. */
  opened(): void {
    const classes = this.#classes;
    const { device, port, roce } = this.#names;
    const verbs = deviceFile("uverbs", device, undefined, classes);
    const mads = roce ? undefined : deviceFile("umad", device, port, classes);
    this.#files = [
      ...verbs === undefined ? [] : [`${classes}/infiniband_verbs/${verbs}`],
      ...mads === undefined ? [] : [`${classes}/infiniband_mad/${mads}`],
    ];
  }

  /** True if a device file of the open device does not exist any more. */
  get removed(): boolean {
    return this.#files.some((file) => this.#isGone(file));
  }

  /** True if a directory of a device file is gone, or is that of another device. */
  #isGone(file: string): boolean {
    // Any other failure, such as that without a free descriptor, says nothing about the device.
    if (tryOpen(file) === Errno.ENOENT) return true;
    const name = readSmallFile(`${file}/ibdev`)?.trim();
    return name !== undefined && name !== this.#names.device;
  }

  /** True if the device and the port exist, with their device files. Throws `E_HCA` (ENODEV) if it is another device. */
  exists(): boolean {
    const { device, port, roce } = this.#names;
    const guid = this.#readGuid();
    if (guid === undefined) return false;
    const classes = this.#classes;
    if (deviceFile("uverbs", device, undefined, classes) === undefined) {
      return false;
    }
    if (!roce && deviceFile("umad", device, port, classes) === undefined) {
      return false;
    }
    if (guid === this.#guid) return true;
    throw new IpoibError(
      "E_HCA",
      `Another device has the name ${device}: its node GUID is ${guid}, that of the lost one ${this.#guid}`,
      { errno: Errno.ENODEV, hint: "end the interface and start it again" },
    );
  }

  #readGuid(): string | undefined {
    const { device } = this.#names;
    return readSmallFile(`${this.#classes}/infiniband/${device}/node_guid`)
      ?.trim();
  }
}
