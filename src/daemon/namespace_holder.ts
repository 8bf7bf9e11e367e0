/** The process that a namespace was named by. */

import { inodeOf } from "../system/files.ts";
import { namespacePaths } from "../system/namespace.ts";
import { ProcessHandle } from "../system/process_handle.ts";

/**
 * The process of `--netns PID` or of a path below `/proc/PID`, such as `/proc/PID/fd/3`, which may hold a namespace that nothing
 * else shows. Undefined for a name, another path, and a process that has ended.
 */
export function namespaceHolder(
  netns: string | undefined,
): ProcessHandle | undefined {
  if (netns === undefined) return undefined;
  const pid = /^(?:\/proc\/)?([0-9]+)(?:\/|$)/.exec(netns)?.[1];
  // A name may be a number.
  const named = namespacePaths(netns).length > 1 &&
    inodeOf(namespacePaths(netns)[0]!) !== undefined;
  if (pid === undefined || named) return undefined;
  return ProcessHandle.open(Number(pid));
}
