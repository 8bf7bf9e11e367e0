/** Lookup of the process that `--netns` names by a PID or by a path below /proc. */

import { inodeOf } from "../system/files.ts";
import { namespacePaths } from "../system/namespace.ts";
import { ProcessHandle } from "../system/process_handle.ts";

/**
 * Returns a handle of the process in `--netns PID` or in a path such as `/proc/PID/fd/3`, because that process may be
 * the only user of the namespace. Returns undefined for a name, for any other path, and for a process that has ended.
 */
export function namespaceHolder(
  netns: string | undefined,
): ProcessHandle | undefined {
  if (netns === undefined) return undefined;
  const pid = /^(?:\/proc\/)?([0-9]+)(?:\/|$)/.exec(netns)?.[1];
  // A number may also be the name of a namespace.
  const named = namespacePaths(netns).length > 1 &&
    inodeOf(namespacePaths(netns)[0]!) !== undefined;
  if (pid === undefined || named) return undefined;
  return ProcessHandle.open(Number(pid));
}
