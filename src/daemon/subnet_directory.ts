/** Directory of an embedded subnet. */

import { subnetDirectory } from "../ipc/locate.ts";
import { makeRuntimeFolder } from "../ipc/runtime_folder.ts";

/** Creates the directory with mode 0700 if it does not exist, and returns its path. Throws `E_RUNTIME_DIR`. */
export function makeSubnetDirectory(runtime: string, subnet: string): string {
  const path = subnetDirectory(runtime, subnet);
  makeRuntimeFolder(path, runtime);
  return path;
}
