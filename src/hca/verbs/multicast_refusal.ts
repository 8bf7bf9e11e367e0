/**
 * Explains why a device refuses to attach a queue pair to a multicast group. Without multicast for the queue pairs of
 * user programs there is no IPoIB: libibverbs answers EOPNOTSUPP if the provider has no `attach_mcast`, older versions
 * ENOSYS, and the kernel EOPNOTSUPP if the driver has none.
 */

import { Errno } from "../../base/errno.ts";
import type { IpoibError } from "../../base/errors.ts";
import { hex } from "../../base/hex.ts";
import { lastError } from "../../system/errno.ts";
import { readSmallFile } from "../../system/read_files.ts";
import { RDMA_DEVICES } from "./probe.ts";

/** Drivers without multicast, by the name that sysfs has for them: that of their Ethernet driver, if they have one. */
const WITHOUT_MULTICAST: readonly string[] = [
  "bnxt_en",
  "hns3",
  "qede",
  "erdma",
  "mana",
  "efa",
];

/**
 * Returns the error `E_VERBS` of a refused attachment, with the limitation as hint if it is one of the driver.
 *
 * @param device for example "mlx5_0"
 * @param errno positive
 * @param directory directory of the devices in sysfs
 */
export function attachRefusal(
  device: string,
  mlid: number,
  errno: number,
  directory: string = RDMA_DEVICES,
): IpoibError {
  const action = `attach to multicast LID ${hex(mlid)}`;
  const driver = driverOf(`${directory}/${device}`);
  const limited = errno === Errno.EOPNOTSUPP || errno === Errno.ENOSYS ||
    errno === Errno.EINVAL && WITHOUT_MULTICAST.includes(driver);
  if (!limited) return lastError("E_VERBS", action, { errno });
  const name = driver === "" ? device : `${driver} of ${device}`;
  return lastError("E_VERBS", action, {
    errno,
    hint:
      `the driver ${name} has no multicast for user-space queue pairs, without which there is no IPoIB`,
  });
}

/** Returns the name of a device's driver, or "" if sysfs has none, as for a software device. */
function driverOf(device: string): string {
  const text = readSmallFile(`${device}/device/uevent`) ?? "";
  return /^DRIVER=(.*)$/m.exec(text)?.[1] ?? "";
}
