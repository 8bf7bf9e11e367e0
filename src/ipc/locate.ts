/**
 * Where the control sockets are.
 *
 * ```
 * $IPOIB_RUNTIME_DIR (/run/ipoib)      0755, everything in it under umask 077
 *   ib0.sock                           interface ib0 of the initial network namespace
 *   ib0.8001.sock -> ib0.sock          its child
 *   netns/<inode>/ib0.sock             interface ib0 of another namespace
 *   netns/<inode>/ib0.8002.sock -> ../../ib0.sock   a child that was moved to that namespace
 *   processes.lock                     see system/process_locks.ts
 *   ports/<device>-<port>.lock         see daemon/shared_port.ts
 *   subnet/<name>/control.sock         whoever hosts the manager of an embedded subnet
 * ```
 *
 * A namespace is identified by its inode, which the caller finds out (this room makes no system calls).
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { variable } from "../base/variables.ts";
import { INTERFACE_NAME_RULE, isInterfaceName } from "./schema/fields.ts";

const DEFAULT_RUNTIME_DIRECTORY = "/run/ipoib";
const SUFFIX = ".sock";
/** Inode of the initial network namespace since Linux 6.18 (NET_NS_INIT_INO); nothing else ever had it. */
const INITIAL_INODE = 0xeffffff9n;

/** `$IPOIB_RUNTIME_DIR` without slashes at its end, or `/run/ipoib`. */
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

/** Puts an identity together; `initialInode` is undefined where the namespace of process 1 cannot be read. */
export function namespaceIdentity(
  inode: bigint,
  initialInode: bigint | undefined,
): NamespaceIdentity {
  return { inode, initial: inode === (initialInode ?? INITIAL_INODE) };
}

/** The folder of the control sockets of one namespace. */
export function socketDirectory(
  runtime: string,
  namespace: NamespaceIdentity,
): string {
  return namespace.initial ? runtime : `${runtime}/netns/${namespace.inode}`;
}

/** The control socket of an interface; throws `E_NAME` for what cannot be an interface's name. */
export function socketPath(directory: string, name: string): string {
  if (!isInterfaceName(name)) {
    throw new IpoibError("E_NAME", `Interface name "${name}" is not valid`, {
      errno: Errno.EINVAL,
      hint: INTERFACE_NAME_RULE,
    });
  }
  return `${directory}/${name}${SUFFIX}`;
}

/** The file that says which processes have interfaces: see system/process_locks.ts. */
export function processLocksPath(runtime: string): string {
  return `${runtime}/processes.lock`;
}

/** The folder of the locks of real ports, and the lock file of one. */
export function portLocksPath(
  runtime: string,
  device: string,
  port: number,
): { folder: string; file: string } {
  const folder = `${runtime}/ports`;
  return { folder, file: `${folder}/${device}-${port}.lock` };
}

/** The folder of an embedded subnet. */
export function subnetDirectory(runtime: string, name: string): string {
  return `${runtime}/subnet/${name}`;
}

/** The control socket of whoever hosts a subnet's manager. */
export function subnetSocketPath(runtime: string, name: string): string {
  return `${subnetDirectory(runtime, name)}/control${SUFFIX}`;
}

/** A socket file, dead or alive. */
export interface InterfaceSocket {
  name: string;
  path: string;
  /** The socket that this leads to, if it is a link, that of a child: its name, or a path if it is in another folder. */
  leadsTo?: string;
}

/** Every interface's socket file in a folder, by name; none if there is no such folder. */
export function interfaceSockets(directory: string): InterfaceSocket[] {
  const found: InterfaceSocket[] = [];
  try {
    for (const entry of Deno.readDirSync(directory)) {
      if (!entry.name.endsWith(SUFFIX) || entry.isDirectory) continue;
      const path = `${directory}/${entry.name}`;
      const name = entry.name.slice(0, -SUFFIX.length);
      if (!entry.isSymlink) found.push({ name, path });
      else {
        const target = Deno.readLinkSync(path);
        found.push({ name, path, leadsTo: target.slice(0, -SUFFIX.length) });
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** What a link in `directory` has to lead to for the socket at the path `socket`, see {@linkcode InterfaceSocket.leadsTo}. */
export function leadTo(
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

/** Makes another name lead to a socket; throws `E_RUNNING` if another process has a socket of that name. */
export function linkName(
  directory: string,
  leadsTo: string,
  name: string,
): void {
  const path = socketPath(directory, name);
  if (!removeLink(path)) {
    throw new IpoibError(
      "E_RUNNING",
      `Another process has the control socket "${path}"`,
      { errno: Errno.EEXIST },
    );
  }
  Deno.symlinkSync(`${leadsTo}${SUFFIX}`, path);
}

/** Removes such a name, unless it leads elsewhere by now. */
export function unlinkName(
  directory: string,
  leadsTo: string,
  name: string,
): void {
  const path = socketPath(directory, name);
  try {
    if (Deno.readLinkSync(path) !== `${leadsTo}${SUFFIX}`) return;
  } catch {
    // It is gone, or no link.
    return;
  }
  removeLink(path);
}

/** Takes away every name that leads to a socket: what a killed process left. */
export function unlinkNames(directory: string, socket: string): void {
  for (const { leadsTo, path } of interfaceSockets(directory)) {
    if (leadsTo === socket) removeLink(path);
  }
}

/** Removes a symbolic link if there is one; false if something else is there. */
function removeLink(path: string): boolean {
  try {
    if (!Deno.lstatSync(path).isSymlink) return false;
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return true;
}
