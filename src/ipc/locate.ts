/**
 * Paths of the control sockets and of the other files in the runtime directory.
 *
 * ```
 * $IPOIB_RUNTIME_DIR (/run/ipoib)      mode 0755; directories in it 0700, control sockets 0600
 *   ib0.sock                           interface ib0 in the initial network namespace
 *   ib0.8001.sock -> ib0.sock          child of ib0
 *   netns/<inode>/ib0.sock             interface ib0 in another namespace
 *   netns/<inode>/ib0.8002.sock -> ../../ib0.sock   child that was moved to that namespace
 *   ib0.state                          see daemon/restart/state_file.ts
 *   <pid>.handover                     see daemon/restart/handover_channel.ts
 *   log/                               see daemon/log_path.ts
 *   processes.lock                     see system/process_locks.ts
 *   ports/<device>-<port>.lock         see daemon/shared_port.ts
 *   subnet/<name>/control.sock         process that runs the manager of an embedded subnet
 * ```
 *
 * A namespace is identified by its inode, which the caller provides.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { variable } from "../base/variables.ts";
import { INTERFACE_NAME_RULE, isInterfaceName } from "./schema/fields.ts";
import { isSubnetName } from "./up_options.ts";

const DEFAULT_RUNTIME_DIRECTORY = "/run/ipoib";
const SUFFIX = ".sock";
/** Inode of the initial network namespace since Linux 6.18 (NET_NS_INIT_INO); no other namespace has it. */
const INITIAL_INODE = 0xeffffff9n;

/** Returns `$IPOIB_RUNTIME_DIR` without trailing slashes, or `/run/ipoib`. */
export function runtimeDirectory(): string {
  return variable("IPOIB_RUNTIME_DIR")?.replace(/\/+$/, "") ||
    DEFAULT_RUNTIME_DIRECTORY;
}

/** A network namespace: the inode of `/proc/self/ns/net` or of `/run/netns/NAME`. */
export interface NamespaceIdentity {
  inode: bigint;
  /** True for the namespace of process 1. */
  initial: boolean;
}

/** Returns the identity of a namespace. `initialInode` is undefined if the namespace of process 1 cannot be read. */
export function namespaceIdentity(
  inode: bigint,
  initialInode: bigint | undefined,
): NamespaceIdentity {
  return { inode, initial: inode === (initialInode ?? INITIAL_INODE) };
}

/** Returns the directory of the control sockets of a namespace. */
export function socketDirectory(
  runtime: string,
  namespace: NamespaceIdentity,
): string {
  return namespace.initial ? runtime : `${runtime}/netns/${namespace.inode}`;
}

/** A directory of control sockets and the namespace to which it belongs. */
export interface NamespaceDirectory {
  readonly path: string;
  /** Undefined for the initial namespace. */
  readonly inode: bigint | undefined;
}

/**
 * Returns the directories of the namespaces other than the initial one, sorted by inode. Throws `E_IPC_PERMISSION`
 * (EACCES) if they cannot be listed.
 */
export function namespaceDirectories(runtime: string): NamespaceDirectory[] {
  const parent = `${runtime}/netns`;
  return entriesOf(parent).filter(({ name }) => /^[0-9]+$/.test(name))
    .map(({ name }) => ({ path: `${parent}/${name}`, inode: BigInt(name) }))
    .sort((a, b) => a.inode < b.inode ? -1 : 1);
}

/** Returns the inode of the namespace of a control socket, undefined for the initial one or a path elsewhere. */
export function inodeOfSocket(path: string): bigint | undefined {
  const inode = /\/netns\/([0-9]+)\/[^/]+$/.exec(path)?.[1];
  return inode === undefined ? undefined : BigInt(inode);
}

/** Returns the path of the control socket of an interface. Throws `E_NAME` (EINVAL) for an invalid name. */
export function socketPath(directory: string, name: string): string {
  if (!isInterfaceName(name)) {
    throw new IpoibError("E_NAME", `Interface name "${name}" is not valid`, {
      errno: Errno.EINVAL,
      hint: INTERFACE_NAME_RULE,
    });
  }
  return `${directory}/${name}${SUFFIX}`;
}

/** Returns the path of the lock file of all processes with interfaces (system/process_locks.ts). */
export function processLocksPath(runtime: string): string {
  return `${runtime}/processes.lock`;
}

/** Returns the path of the lock file of a verbs port, and its directory (daemon/shared_port.ts). */
export function portLocksPath(
  runtime: string,
  device: string,
  port: number,
): { directory: string; file: string } {
  const directory = `${runtime}/ports`;
  return { directory, file: `${directory}/${device}-${port}.lock` };
}

/** Returns the directory of an embedded subnet. */
export function subnetDirectory(runtime: string, name: string): string {
  return `${runtime}/subnet/${name}`;
}

/**
 * Returns the names of the embedded subnets, running or not, sorted. Throws `E_IPC_PERMISSION` (EACCES) if they cannot
 * be listed.
 */
export function subnetNames(runtime: string): string[] {
  return entriesOf(`${runtime}/subnet`).map(({ name }) => name)
    .filter(isSubnetName).sort();
}

/** Returns the path of the control socket of a subnet manager. */
export function subnetSocketPath(runtime: string, name: string): string {
  return `${subnetDirectory(runtime, name)}/control${SUFFIX}`;
}

/** A socket file of an interface. A process may or may not listen on it. */
export interface InterfaceSocket {
  /** Name of the interface. */
  name: string;
  path: string;
  /**
   * Target of the symbolic link of a child, without `.sock`: the name of the parent, or a relative path if the parent
   * is in another directory. Undefined for the socket of a parent.
   */
  target?: string;
}

/**
 * Returns the socket files in a directory, sorted by name; empty if the directory does not exist. Throws
 * `E_IPC_PERMISSION` (EACCES) if it cannot be listed.
 */
export function interfaceSockets(directory: string): InterfaceSocket[] {
  const found: InterfaceSocket[] = [];
  for (const entry of entriesOf(directory)) {
    if (!entry.name.endsWith(SUFFIX) || entry.isDirectory) continue;
    const path = `${directory}/${entry.name}`;
    const name = entry.name.slice(0, -SUFFIX.length);
    if (!entry.isSymlink) found.push({ name, path });
    else {
      const target = targetOf(path);
      if (target !== undefined) found.push({ name, path, target });
    }
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Returns the target of a link without `.sock`, or undefined if the link was removed. */
function targetOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path).slice(0, -SUFFIX.length);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function entriesOf(directory: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(directory)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new IpoibError(
      "E_IPC_PERMISSION",
      `Permission denied on directory "${directory}"`,
      {
        errno: Errno.EACCES,
        hint: "run the command as the user that owns it, or as root",
        cause: error,
      },
    );
  }
}

/** Returns the {@linkcode InterfaceSocket.target} of a link in `directory` to the socket at path `socket`. */
export function linkTarget(
  runtime: string,
  directory: string,
  socket: string,
): string {
  const file = socket.slice(0, -SUFFIX.length);
  if (file.slice(0, file.lastIndexOf("/")) === directory) {
    return file.slice(directory.length + 1);
  }
  const up = directory === runtime ? "" : "../../";
  return `${up}${file.slice(runtime.length + 1)}`;
}

/**
 * Creates or replaces the symbolic link of a child. Throws `E_RUNNING` (EEXIST) if another kind of file has the name.
 */
export function linkName(
  directory: string,
  target: string,
  name: string,
): void {
  const path = socketPath(directory, name);
  if (!removeLink(path)) {
    throw new IpoibError(
      "E_RUNNING",
      `Another process uses the control socket "${path}"`,
      { errno: Errno.EEXIST },
    );
  }
  Deno.symlinkSync(`${target}${SUFFIX}`, path);
}

/** Removes the symbolic link of a child if its target is `target`. */
export function unlinkName(
  directory: string,
  target: string,
  name: string,
): void {
  const path = socketPath(directory, name);
  try {
    if (Deno.readLinkSync(path) !== `${target}${SUFFIX}`) return;
  } catch {
    // The path does not exist, or is not a link.
    return;
  }
  removeLink(path);
}

/** Removes all symbolic links in `directory` to the socket with this target; a killed process leaves them behind. */
export function unlinkNames(directory: string, socket: string): void {
  for (const { target, path } of interfaceSockets(directory)) {
    if (target === socket) removeLink(path);
  }
}

/** Removes a symbolic link if it exists. Returns false if the path is another kind of file. */
function removeLink(path: string): boolean {
  try {
    if (!Deno.lstatSync(path).isSymlink) return false;
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return true;
}
