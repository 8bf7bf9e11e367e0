/** Directory of an embedded subnet. */

import { subnetDirectory } from "../ipc/locate.ts";
import { makeRuntimeDirectory } from "../ipc/runtime_directory.ts";

/** Creates the directory with mode 0700 if it does not exist, and returns its path. Throws `E_RUNTIME_DIR`. */
export function makeSubnetDirectory(runtime: string, subnet: string): string {
  const path = subnetDirectory(runtime, subnet);
  makeRuntimeDirectory(path, runtime);
  return path;
}
