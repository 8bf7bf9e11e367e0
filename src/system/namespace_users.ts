/**
 * Whether a network namespace still has users, for a process that keeps it alive itself by its sockets and devices.
 *
 * The kernel tells nobody that a namespace has lost its last user: its device and sockets hold it. What can be seen from
 * outside is a name (a mount, as `ip netns add` makes) and the processes in it. So one of them is remembered, and one
 * statx(2) shows whether it is still there; all mounts and processes are looked through only when it is gone.
 *
 * Where no user was ever seen, none is missed: those of another PID or mount namespace are hidden. If the process itself is
 * in the namespace, the kernel counts it as a user; then the namespace is taken for deleted only if it had a name.
 */

import { listDirectory, readTextFile } from "./read_files.ts";
import { inodeOf } from "./files.ts";
import { type NetworkNamespace, procPath } from "./namespace.ts";
import type { ProcessHandle } from "./process_handle.ts";

const MOUNTS = "/proc/self/mountinfo";
const MAX_MOUNTS_LENGTH = 4 << 20;

export interface NamespaceUsersOptions {
  readonly namespace: NetworkNamespace;
  /** A process that counts as a user while it runs: it may hold the namespace by a descriptor, which cannot be seen. */
  readonly holder?: ProcessHandle | undefined;
  /** Processes that do not count, beside this one. */
  readonly ignored: () => ReadonlySet<number>;
}

/** A path that leads to the namespace while one of its users is there. */
interface Sign {
  readonly path: string;
  readonly inode: bigint;
  readonly kind: "name" | "process";
}

export class NamespaceUsers {
  readonly #options: NamespaceUsersOptions;
  /** This process is one of them. */
  readonly #inside: boolean;
  #sign: Sign | undefined;
  #seen = false;

  /** Looks for users. */
  constructor(options: NamespaceUsersOptions) {
    this.#options = options;
    this.#inside = inodeOf(procPath("self")) === options.namespace.procInode;
    this.remain();
  }

  /** False if there were users, and the last one is gone. */
  remain(): boolean {
    if (this.#options.holder?.ended === false) {
      this.#seen ||= !this.#inside;
      return true;
    }
    if (!this.#sign || inodeOf(this.#sign.path) !== this.#sign.inode) {
      this.#sign = this.#find();
    }
    if (!this.#sign) return !this.#seen;
    if (this.#sign.kind === "name" || !this.#inside) this.#seen = true;
    return true;
  }

  #find(): Sign | undefined {
    const { inode, procInode } = this.#options.namespace;
    const mounts = readTextFile(MOUNTS, MAX_MOUNTS_LENGTH) ?? "";
    for (const path of namespaceMounts(mounts, inode)) {
      if (inodeOf(path) === inode) return { path, inode, kind: "name" };
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

/** Where a network namespace is mounted, by the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
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
