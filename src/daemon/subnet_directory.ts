/** The folder of an embedded subnet. */

import { subnetDirectory } from "../ipc/locate.ts";
import { makeRuntimeFolder } from "../ipc/runtime_folder.ts";

/** Makes it if need be, closed to others; returns its path. Throws `E_RUNTIME_DIR`. */
export function makeSubnetDirectory(runtime: string, subnet: string): string {
  const path = subnetDirectory(runtime, subnet);
  makeRuntimeFolder(path, runtime);
  return path;
}
