/**
 * Inode numbers of the network namespaces of this thread and of process 1. Most commands need no more, and namespace.ts
 * would lengthen their start by 1 ms.
 */

import { cString, libcFiles } from "../../ffi/libc.ts";
import { lastError } from "./errno.ts";
import { inodeOf } from "./files.ts";

/** The namespace of the calling thread. */
export const OWN = "/proc/thread-self/ns/net";

/** Returns the path whose inode is the `procInode` of the namespace of process `pid`. */
export function procPath(pid: number | "self" | "thread-self"): string {
  return `/proc/${pid}/net/dev`;
}

/** Returns the inode number of the network namespace of this thread. Throws `E_NETNS`. */
export function ownNamespaceInode(): bigint {
  const inode = inodeOf(OWN);
  if (inode === undefined) throw lastError("E_NETNS", `stat ${OWN}`);
  return inode;
}

/** Returns the inode number of the network namespace of process 1, or undefined if it cannot be read. */
export function initialNamespaceInode(): bigint | undefined {
  // This comparison needs no right to trace process 1.
  if (inodeOf(procPath("self")) === inodeOf(procPath(1))) {
    return inodeOf("/proc/self/ns/net");
  }
  const into = new Uint8Array(64);
  const length = libcFiles().readlink(
    cString("/proc/1/ns/net"),
    into,
    into.length,
  );
  const match = length > 0 &&
    /\[(\d+)\]/.exec(new TextDecoder().decode(into.subarray(0, length)));
  return match ? BigInt(match[1]!) : undefined;
}
