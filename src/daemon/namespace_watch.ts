/**
 * Detection of deleted network namespaces that contain interfaces of this process.
 *
 * When the last user of a namespace has gone, the kernel deletes or moves the devices of ib_ipoib in it. The TAPs and
 * netlink sockets of this process keep the namespace alive, so the kernel neither deletes it nor sends a notification.
 * Therefore the namespaces are polled for users (system/namespace_users.ts), usually with one system call per
 * namespace. The process cannot release a namespace instead: a TAP holds the namespace in which /dev/net/tun was
 * opened, a netlink socket its own.
 */

import type { NetworkNamespace } from "../system/namespace.ts";

/** Number of polls without users before deletion is reported: a process may fork and exit while /proc is read. */
const MISSES = 2;

/** The method of NamespaceUsers that NamespaceWatch uses. */
export interface Users {
  remain(): boolean;
}

interface Watched {
  readonly users: Users;
  misses: number;
}

export class NamespaceWatch {
  /** Called once with the inode of a namespace that has lost its users. */
  onDeleted: (inode: bigint) => void = () => {};
  readonly #usersOf: (namespace: NetworkNamespace) => Users;
  readonly #watched = new Map<bigint, Watched>();

  constructor(usersOf: (namespace: NetworkNamespace) => Users) {
    this.#usersOf = usersOf;
  }

  /** Sets the namespaces to watch. Ignores that of process 1. */
  follow(namespaces: readonly NetworkNamespace[]): void {
    const now = namespaces.filter(({ initial }) => !initial);
    for (const inode of this.#watched.keys()) {
      if (!now.some((each) => each.inode === inode)) {
        this.#watched.delete(inode);
      }
    }
    for (const namespace of now) {
      if (this.#watched.has(namespace.inode)) continue;
      const users = this.#usersOf(namespace);
      this.#watched.set(namespace.inode, { users, misses: 0 });
    }
  }

  /** Polls the namespaces. */
  check(): void {
    for (const [inode, watched] of [...this.#watched]) {
      watched.misses = watched.users.remain() ? 0 : watched.misses + 1;
      if (watched.misses < MISSES) continue;
      this.#watched.delete(inode);
      this.onDeleted(inode);
    }
  }
}
