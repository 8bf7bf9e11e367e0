/**
 * Removal of the files that killed processes left in the runtime directory. `ipoib up` removes control sockets, links
 * to them, and directories of namespaces; a new subnet manager removes the sockets of ports. log_sweep.ts removes logs.
 */

import { interfaceSockets, unlinkName, unlinkNames } from "../ipc/locate.ts";
import {
  makeRuntimeDirectory,
  removeEmptyDirectory,
} from "../ipc/runtime_directory.ts";
import { isPortSocket } from "../subnet/sockets.ts";
import { isHandoverSocket } from "./restart/hand_over.ts";
import { isDeadSocket, removeDeadSocket } from "../system/dead_socket.ts";
import { inodeOf } from "../system/files.ts";

/** Temporary name of a socket that has not been linked to its path. */
const UNFINISHED = /^\.[0-9a-z]+$/;
/** Name of the directory of a capture, in which its client connects (capture/captures.ts). */
const CAPTURE = /^\.[0-9a-f]{8}$/;
/** Age above which these have no process: it needs them for a few seconds. */
const UNFINISHED_MS = 60_000;

/** Removes stale files below `runtime`, which the caller has created or checked. Ignores failures. */
export function sweep(runtime: string): void {
  const directories = [runtime, ...namespaceDirectories(runtime)].filter((
    directory,
  ) =>
    attempt(() => {
      makeRuntimeDirectory(directory, runtime);
      sweepDirectory(directory);
    })
  );
  // A link may point to a socket in another directory, so all sockets are removed first.
  for (const directory of directories) {
    attempt(() => sweepLinks(directory));
    if (directory !== runtime) removeEmptyDirectory(directory);
  }
}

/** Returns false if `action` throws, for example for a file of another user or one that has been removed. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** Removes dangling links. */
function sweepLinks(directory: string): void {
  for (const { name, path, target } of interfaceSockets(directory)) {
    if (target === undefined || inodeOf(path) !== undefined) continue;
    attempt(() => unlinkName(directory, target, name));
  }
}

/** Removes stale sockets of ports from the directory of a subnet. Returns true if a port is alive. */
export function sweepPorts(directory: string): boolean {
  let live = false;
  sweepUnfinished(directory);
  for (const { name } of Deno.readDirSync(directory)) {
    if (!isPortSocket(name)) continue;
    if (!removeDeadSocket(`${directory}/${name}`, "seqpacket")) live = true;
  }
  return live;
}

/** True if a port is alive in the directory of a subnet, which may not exist. Removes nothing. */
export function hasLivePort(directory: string): boolean {
  try {
    return [...Deno.readDirSync(directory)].some(({ name }) =>
      isPortSocket(name) && !isDeadSocket(`${directory}/${name}`, "seqpacket")
    );
  } catch {
    return false;
  }
}

function namespaceDirectories(runtime: string): string[] {
  const path = `${runtime}/netns`;
  try {
    return [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => `${path}/${name}`);
  } catch {
    return [];
  }
}

/**
 * Removes sockets of processes that were killed before they linked them to their paths, and directories of captures
 * that were killed before their client connected. Ignores failures: a process removes its own files at any time.
 */
function sweepUnfinished(directory: string): void {
  for (const { name } of Deno.readDirSync(directory)) {
    if (UNFINISHED.test(name)) {
      attempt(() => removeUnfinished(directory, name));
    }
  }
}

/** Removes an old socket or directory of a capture. Keeps all other files, also symbolic links. */
function removeUnfinished(directory: string, name: string): void {
  const path = `${directory}/${name}`;
  const { mtime, isSocket, isDirectory } = Deno.lstatSync(path);
  if ((mtime?.getTime() ?? 0) >= Date.now() - UNFINISHED_MS) return;
  if (isSocket) Deno.removeSync(path);
  // Symbolic links in the directory are removed, not followed.
  else if (isDirectory && CAPTURE.test(name)) {
    Deno.removeSync(path, { recursive: true });
  }
}

/** Removes stale sockets with the links to them. */
function sweepDirectory(directory: string): void {
  sweepUnfinished(directory);
  for (const { name, path, target } of interfaceSockets(directory)) {
    if (target !== undefined) continue;
    attempt(() => {
      if (removeDeadSocket(path, "stream")) unlinkNames(directory, name);
    });
  }
  for (const { name } of Deno.readDirSync(directory)) {
    if (isHandoverSocket(name)) {
      attempt(() => removeDeadSocket(`${directory}/${name}`, "seqpacket"));
    }
  }
}
