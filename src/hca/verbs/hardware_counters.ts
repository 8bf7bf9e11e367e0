/**
 * Counters that the kernel exports for a port and its device, below `/sys/class/infiniband/DEVICE`:
 *
 * | directory             | counters                                                     | name              |
 * |-----------------------|--------------------------------------------------------------|-------------------|
 * | `ports/N/counters`    | PortCounters (IBTA vol. 1 16.1.3.5), such as symbol_error    | `hca_NAME`        |
 * | `ports/N/hw_counters` | counters of the driver for the port, such as out_of_buffer   | `hca_NAME`        |
 * | `hw_counters`         | counters of the driver for the device                        | `hca_device_NAME` |
 *
 * A driver has some of the directories, and its own set of names in each `hw_counters`.
 */

import { listDirectory, readSmallFile } from "../../system/read_files.ts";
import { RDMA_DEVICES } from "./probe.ts";

/** Maximum number of counters of a port; mlx5 has fewer than a hundred. */
export const MAX_HARDWARE_COUNTERS = 256;
/** A file of `hw_counters` that is not a counter: the time for which the kernel caches the others, in milliseconds. */
const LIFESPAN = "lifespan";

/**
 * Reads the counters. Files that cannot be read, or that contain no number, are left out. Each read may be a command to
 * the device, so this is not for the data path.
 *
 * @param port number, from 1
 */
export function hardwareCounters(
  device: string,
  port: number,
  devices: string = RDMA_DEVICES,
): Record<string, number> {
  const counters: Record<string, number> = {};
  const parent = `${devices}/${device}`;
  const directories = [
    [`${parent}/ports/${port}/counters`, "hca_"],
    [`${parent}/ports/${port}/hw_counters`, "hca_"],
    [`${parent}/hw_counters`, "hca_device_"],
  ] as const;
  let left = MAX_HARDWARE_COUNTERS;
  for (const [directory, prefix] of directories) {
    for (const file of listDirectory(directory)) {
      if (file === LIFESPAN) continue;
      if (left-- === 0) return counters;
      const text = readSmallFile(`${directory}/${file}`)?.trim();
      if (text !== undefined && /^\d+$/.test(text)) {
        counters[prefix + file] = Number(text);
      }
    }
  }
  return counters;
}
