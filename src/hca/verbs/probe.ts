/** Whether this host has InfiniBand devices, and the library to use them. */

import { libraryExists } from "../../../ffi/libibverbs.ts";
import { listDirectory } from "../../system/directory.ts";

const DEVICES = "/sys/class/infiniband";

export interface VerbsProbe {
  /** Names of the devices, `mlx5_0`. */
  devices: string[];
  /** True if libibverbs can be opened. */
  library: boolean;
}

/** Looks; opens no device. */
export function probeVerbs(): VerbsProbe {
  const devices = listDirectory(DEVICES);
  return { devices, library: devices.length > 0 && libraryExists() };
}
