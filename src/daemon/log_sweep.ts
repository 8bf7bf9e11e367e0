/** Removal of old logs of background processes, for example of those whose network namespace has no name. */

import { lockFile } from "../system/lock.ts";
import { openRegular } from "../system/regular_file.ts";

/** Time since the last line after which the log of a process that has ended is removed. */
const LOG_MS = 30 * 24 * 3600 * 1000;

/**
 * Removes old logs below a directory, and directories of namespaces that become empty. Ignores failures.
 *
 * @param directory a directory that contains only files of this program
 * @returns the paths of the removed logs
 */
export function sweepLogs(directory: string): string[] {
  const removed: string[] = [];
  const namespaces = `${directory}/netns`;
  for (const { name, isDirectory } of entriesOf(namespaces)) {
    if (!isDirectory) continue;
    removed.push(...sweepDirectory(`${namespaces}/${name}`));
    attempt(() => Deno.removeSync(`${namespaces}/${name}`));
  }
  return [...removed, ...sweepDirectory(directory)];
}

function sweepDirectory(directory: string): string[] {
  const removed: string[] = [];
  const before = Date.now() - LOG_MS;
  for (const { name, isFile } of entriesOf(directory)) {
    if (!isFile || !/\.log(\.\d)?$/.test(name)) continue;
    const path = `${directory}/${name}`;
    attempt(() => {
      const { mtime } = Deno.lstatSync(path);
      if ((mtime?.getTime() ?? 0) < before && !isWritten(path)) {
        Deno.removeSync(path);
        removed.push(path);
      }
    });
  }
  return removed;
}

/** True if a process writes to the log, which it has locked. */
function isWritten(path: string): boolean {
  using file = openRegular(path, "E_LOG_FILE", { access: "write" });
  return !lockFile(file, path);
}

function entriesOf(directory: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(directory)];
  } catch {
    return [];
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // The file is in use, belongs to another user, or was removed by another process.
  }
}
