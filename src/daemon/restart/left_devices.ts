/** Finds and deletes the persistent devices that a process has left, when no process runs that owns them. */

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
import { findState } from "./state_file.ts";

/** Returns true if the namespace has a TAP of this program with the name. Throws `E_NETNS`. */
export function hasDevice(netns: string | undefined, name: string): boolean {
  using namespace = open(netns);
  return withNamespace(namespace.number, () => isOwn(name));
}

/**
 * Deletes the device `name` that a process has left, those of its children, and its record. Returns false if there is
 * none, or if a process is attached to it. Throws `E_NETNS`, and the errors of `openTunDevice()`.
 */
export function deleteLeft(netns: string | undefined, name: string): boolean {
  using namespace = open(netns);
  const directory = socketDirectory(
    runtimeDirectory(),
    namespaceIdentity(
      namespaceInode(namespace.number),
      initialNamespaceInode(),
    ),
  );
  const state = findState(directory, name);
  const children = state?.saved.children.map((child) => child.name) ?? [];
  const parent = state?.saved.parent.name ?? name;
  return withNamespace(namespace.number, () => {
    if (!deleteDevice(parent)) return false;
    for (const child of children) deleteDevice(child);
    if (state) removeFile(state.path);
    sweep(runtimeDirectory());
    return true;
  });
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
