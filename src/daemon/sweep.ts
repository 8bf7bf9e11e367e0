/**
 * What killed processes have left in the runtime directory: control sockets, other names of them, logs, folders of
 * namespaces. A process that starts removes it.
 */

import { interfaceSockets, unlinkName, unlinkNames } from "../ipc/locate.ts";
import { makeRuntimeFolder, removeEmptyFolder } from "../ipc/runtime_folder.ts";
import { isPortSocket } from "../subnet/sockets.ts";
import { removeDeadSocket } from "../system/dead_socket.ts";
import { inodeOf, removeFile } from "../system/files.ts";

/** How long the log of a killed process stays: it may say why. */
const LOG_MS = 24 * 3600 * 1000;

/** A socket has such a name for a moment, before it listens. */
const UNFINISHED = /^\.[0-9a-z]+$/;
const UNFINISHED_MS = 60_000;

/** Removes what is left below `runtime`, which exists and was checked; what cannot be removed stays. */
export function sweep(runtime: string): void {
  const folders = [runtime, ...namespaceFolders(runtime)].filter((folder) =>
    attempt(() => {
      makeRuntimeFolder(folder, runtime);
      sweepFolder(folder);
    })
  );
  // Links may lead to a socket in another folder.
  for (const folder of folders) {
    attempt(() => sweepLinks(folder));
    if (folder !== runtime) removeEmptyFolder(folder);
  }
}

/** False for a folder that belongs to another user, or that another process has removed. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

function sweepLinks(folder: string): void {
  for (const { name, path, target } of interfaceSockets(folder)) {
    if (target === undefined || inodeOf(path) !== undefined) continue;
    unlinkName(folder, target, name);
  }
}

/** Removes the sockets of ports whose process has gone from a subnet's folder; true if a port runs. */
export function sweepPorts(directory: string): boolean {
  let live = false;
  sweepUnfinished(directory);
  for (const { name } of Deno.readDirSync(directory)) {
    if (!isPortSocket(name)) continue;
    if (!removeDeadSocket(`${directory}/${name}`, "seqpacket")) live = true;
  }
  return live;
}

function namespaceFolders(runtime: string): string[] {
  const path = `${runtime}/netns`;
  try {
    return [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => `${path}/${name}`);
  } catch {
    return [];
  }
}

/** Removes sockets of processes that were killed before those had their names. */
function sweepUnfinished(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (UNFINISHED.test(name)) {
      removeOld(`${folder}/${name}`, Date.now() - UNFINISHED_MS);
    }
  }
}

/** Removes a file that was last changed before a time. */
function removeOld(path: string, before: number): void {
  const { mtime } = Deno.lstatSync(path);
  if ((mtime?.getTime() ?? 0) < before) removeFile(path);
}

function sweepFolder(folder: string): void {
  sweepUnfinished(folder);
  const sockets = new Set<string>();
  for (const { name, path, target } of interfaceSockets(folder)) {
    if (target !== undefined) continue;
    if (removeDeadSocket(path, "stream")) unlinkNames(folder, name);
    else sockets.add(name);
  }
  const before = Date.now() - LOG_MS;
  for (const { name } of Deno.readDirSync(folder)) {
    const owner = /^(.*)\.log(\.old)?$/.exec(name)?.[1];
    if (owner === undefined || sockets.has(owner)) continue;
    removeOld(`${folder}/${name}`, before);
  }
}
