/** Finds and deletes the persistent devices that a process has left, when no process runs that owns them. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import {
  namespaceIdentity,
  runtimeDirectory,
  socketDirectory,
} from "../../ipc/locate.ts";
import { attachTap } from "../../netdev/tap/adopt_tap.ts";
import { interfaceSocket } from "../../netdev/tap/tap.ts";
import { isOwnKind } from "../../netdev/tap/wait_for_name.ts";
import type { Fd } from "../../system/fd.ts";
import { removeFile } from "../../system/files.ts";
import {
  namespaceInode,
  openNamespace,
  ownNamespace,
  withNamespace,
} from "../../system/namespace.ts";
import { initialNamespaceInode } from "../../system/namespace_inodes.ts";
import { sweep } from "../sweep.ts";
import {
  allStates,
  findParentState,
  findState,
  forgetChild,
} from "./state_file.ts";

/** Name with which `ipoib up` takes over a device that a process has left. */
type Owner = string;

/**
 * Returns who takes over the device of this program with the name, by default an interface of its name; undefined if
 * there is no such device. Throws `E_NETNS`.
 */
export function ownerOfLeft(
  netns: string | undefined,
  name: string,
): Owner | undefined {
  using namespace = open(netns);
  if (!exists(namespace, name)) return undefined;
  const directory = directoryOf(namespace);
  const state = findState(directory, name) ?? findParentState(directory, name);
  return state?.owner ?? name;
}

/** Returns the interfaces whose devices a process has left in the namespace. Throws `E_NETNS`. */
export function leftInterfaces(netns: string | undefined): Owner[] {
  using namespace = open(netns);
  return allStates(directoryOf(namespace))
    .filter(({ saved }) => exists(namespace, saved.parent.name))
    .map(({ owner }) => owner);
}

/**
 * Checks that no other process has left the device `name` as one of its children: as a parent, it would have another
 * partition. Throws `E_NAME_TAKEN` (EEXIST).
 *
 * @param directory directory of the control sockets of the namespace
 */
export function checkNotChild(
  directory: string,
  namespace: Fd,
  name: string,
): void {
  if (!exists(namespace, name) || findState(directory, name)) return;
  const owner = findParentState(directory, name)?.owner;
  if (owner === undefined) return;
  throw new IpoibError(
    "E_NAME_TAKEN",
    `${name} is a child of ${owner}, whose process has left it`,
    {
      errno: Errno.EEXIST,
      hint: `ipoib up ${owner} takes it over, ipoib down ${name} deletes it`,
    },
  );
}

/**
 * Deletes the device `name` that a process has left: a parent with its children and its record, a child with its place
 * in the record. Returns false if there is none, or if a process is attached to it. Throws `E_NETNS`, the errors of
 * `openTunDevice()`, and of `forgetChild()`.
 */
export async function deleteLeft(
  netns: string | undefined,
  name: string,
): Promise<boolean> {
  using namespace = open(netns);
  const directory = directoryOf(namespace);
  const state = findState(directory, name);
  const parentState = state ? undefined : findParentState(directory, name);
  const children = state?.saved.children.map((child) => child.name) ?? [];
  const parent = state?.saved.parent.name ?? name;
  const deleted = withNamespace(namespace.number, () => {
    if (!deleteDevice(parent)) return false;
    for (const child of children) deleteDevice(child);
    return true;
  });
  if (!deleted) return false;
  if (state) removeFile(state.path);
  if (parentState) await forgetChild(parentState.path, name);
  sweep(runtimeDirectory());
  return true;
}

function directoryOf(namespace: Fd): string {
  return socketDirectory(
    runtimeDirectory(),
    namespaceIdentity(
      namespaceInode(namespace.number),
      initialNamespaceInode(),
    ),
  );
}

/** True if the namespace has a TAP of this program with the name. */
function exists(namespace: Fd, name: string): boolean {
  return withNamespace(namespace.number, () => isOwn(name));
}

function open(netns: string | undefined): Fd {
  return netns === undefined ? ownNamespace() : openNamespace(netns);
}

function isOwn(name: string): boolean {
  using socket = interfaceSocket();
  return isOwnKind(socket.number, name);
}

/** Deletes a device in the thread's namespace. */
function deleteDevice(name: string): boolean {
  if (!isOwn(name)) return false;
  using tap = attachTap(name);
  if (!tap) return false;
  if (tap.setPersistent(false)) return true;
  throw new IpoibError("E_TAP", `Cannot delete network interface "${name}"`);
}
