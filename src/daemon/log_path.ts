/**
 * Paths of the logs of background processes:
 *
 * ```
 * /var/log/ipoib/ib0.log, ib0.log.1 ...      interface ib0 in the initial network namespace
 * /var/log/ipoib/netns/h1/ib0.log            interface ib0 in the namespace h1 of `ip netns`
 * /var/log/ipoib/netns/4026532387/ib0.log    interface ib0 in a namespace without a name
 * ```
 */

import { variable } from "../base/variables.ts";
import { type NamespaceIdentity, runtimeDirectory } from "../ipc/locate.ts";

const DIRECTORY = "/var/log/ipoib";
const ROOT = 0;
/** The group that reads the logs of a Debian system, and the mode with which files inherit it. */
const LOG_GROUP = "adm";
const LOG_MODE = 0o2750;

/**
 * Returns the directory of the logs: `$IPOIB_LOG_DIR`; by default /var/log/ipoib for root, and the directory `log` in
 * the runtime directory for a process that runs as another user or has a runtime directory of its own.
 *
 * @param user name of the user that the process runs as; undefined for the caller
 */
export function logDirectory(user: string | undefined): string {
  const given = variable("IPOIB_LOG_DIR")?.replace(/\/+$/, "");
  return given || ownLogDirectory(user);
}

/** Returns the directory of the logs without `$IPOIB_LOG_DIR`, which contains only files of this program. */
export function ownLogDirectory(user: string | undefined): string {
  const own = variable("IPOIB_RUNTIME_DIR") !== undefined ||
    user !== undefined || Deno.uid() !== ROOT;
  return own ? `${runtimeDirectory()}/log` : DIRECTORY;
}

/**
 * Returns the path of the log of a process.
 *
 * @param name name of its first interface
 * @param names names of network namespaces by inode
 */
export function logPath(
  directory: string,
  name: string,
  { initial, inode }: NamespaceIdentity,
  names: ReadonlyMap<bigint, string>,
): string {
  return initial
    ? `${directory}/${name}.log`
    : `${directory}/netns/${names.get(inode) ?? inode}/${name}.log`;
}

/**
 * Creates /var/log/ipoib, whose files the group `adm` can read, if it is the directory of the logs and does not exist.
 * Ignores failures: the process that opens the log reports them.
 */
export function makeLogDirectory(directory: string): void {
  if (directory !== DIRECTORY) return;
  try {
    Deno.mkdirSync(directory, { mode: 0o750 });
    const gid = groupId(LOG_GROUP, Deno.readTextFileSync("/etc/group"));
    if (gid === undefined) return;
    Deno.chownSync(directory, ROOT, gid);
    Deno.chmodSync(directory, LOG_MODE);
  } catch {
    // The directory exists, or cannot be created.
  }
}

/** Returns the ID of a group in the text of /etc/group (group(5)). */
function groupId(name: string, groups: string): number | undefined {
  const line = groups.split("\n").find((line) => line.startsWith(`${name}:`));
  const gid = Number(line?.split(":")[2]);
  return Number.isInteger(gid) ? gid : undefined;
}
