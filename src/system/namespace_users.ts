/**
 * Detects that a network namespace has lost its last user, for a process whose own sockets and devices keep it alive.
 *
 * The kernel sends no notification when a namespace loses its last user. The visible users are mounts (as `ip netns
 * add` makes) and processes in the namespace. One of them is stored, and a single statx(2) checks that it still exists.
 * Only when it is gone are all mounts and processes searched.
 *
 * A namespace that never had a visible user is not reported as unused, because users in another PID or mount namespace
 * are hidden. If this process is itself in the namespace, the namespace is reported as unused only after it has lost a
 * mount.
 */

import { listDirectory, readTextFile } from "./read_files.ts";
import { inodeOf } from "./files.ts";
import type { NetworkNamespace } from "./namespace.ts";
import { procPath } from "./namespace_inodes.ts";
import type { ProcessHandle } from "./process_handle.ts";

const MOUNTS = "/proc/self/mountinfo";
const MAX_MOUNTS_LENGTH = 4 << 20;

export interface NamespaceUsersOptions {
  readonly namespace: NetworkNamespace;
  /** A process that counts as a user while it runs, because it may hold the namespace through a descriptor. */
  readonly holder?: ProcessHandle | undefined;
  /** Returns PIDs that do not count as users. This process never counts. */
  readonly ignored: () => ReadonlySet<number>;
}

/** A user of the namespace: `path` has the inode `inode` as long as the user exists. */
interface NamespaceUser {
  readonly path: string;
  readonly inode: bigint;
  readonly kind: "mount" | "process";
}

export class NamespaceUsers {
  readonly #options: NamespaceUsersOptions;
  /** True if this process is in the namespace. */
  readonly #inside: boolean;
  #user: NamespaceUser | undefined;
  /** True if a user was found whose end can be detected. */
  #seen = false;

  /** Searches for users. */
  constructor(options: NamespaceUsersOptions) {
    this.#options = options;
    this.#inside = inodeOf(procPath("self")) === options.namespace.procInode;
    this.remain();
  }

  /** Returns false if users were found before and none is left. */
  remain(): boolean {
    if (this.#options.holder?.ended === false) {
      this.#seen ||= !this.#inside;
      return true;
    }
    if (!this.#user || inodeOf(this.#user.path) !== this.#user.inode) {
      this.#user = this.#find();
    }
    if (!this.#user) return !this.#seen;
    if (this.#user.kind === "mount" || !this.#inside) this.#seen = true;
    return true;
  }

  #find(): NamespaceUser | undefined {
    const { inode, procInode } = this.#options.namespace;
    const mounts = readTextFile(MOUNTS, MAX_MOUNTS_LENGTH) ?? "";
    for (const path of namespaceMounts(mounts, inode)) {
      if (inodeOf(path) === inode) return { path, inode, kind: "mount" };
    }
    const ignored = this.#options.ignored();
    for (const name of listDirectory("/proc")) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === Deno.pid || ignored.has(pid)) {
        continue;
      }
      const path = procPath(pid);
      if (inodeOf(path) === procInode) {
        return { path, inode: procInode, kind: "process" };
      }
    }
    return undefined;
  }
}

/** Returns the mount points of a network namespace in the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export function namespaceMounts(mounts: string, inode: bigint): string[] {
  const root = `net:[${inode}]`;
  return mounts.split("\n").map((line) => line.split(" "))
    .filter((fields) => fields[3] === root)
    .map((fields) =>
      fields[4]!.replace(
        /\\([0-7]{3})/g,
        (_, octal) => String.fromCharCode(parseInt(octal, 8)),
      )
    );
}
