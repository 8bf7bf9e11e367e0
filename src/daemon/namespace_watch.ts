/**
 * Notices that a namespace with interfaces of this process was deleted.
 *
 * ib_ipoib's devices end with their namespace, or leave it, when its last user is gone. The sockets and devices of this process
 * hold a namespace, so the kernel does not end it and tells nothing: see system/namespace_users.ts for what is looked at.
 * Letting go of all of them is not possible: a TAP holds the namespace that /dev/net/tun was opened in, and a netlink
 * socket its own. A look costs one system call for each namespace.
 */

import type { NetworkNamespace } from "../system/namespace.ts";

/** A process may pass its namespace to a child and end while /proc is read. */
const MISSES = 2;

/** See `NamespaceUsers`. */
export interface Users {
  remain(): boolean;
}

interface Watched {
  readonly users: Users;
  misses: number;
}

export class NamespaceWatch {
  /** Called once for a namespace (its inode) that has no users any more. */
  onDeleted: (inode: bigint) => void = () => {};
  readonly #usersOf: (namespace: NetworkNamespace) => Users;
  readonly #watched = new Map<bigint, Watched>();

  constructor(usersOf: (namespace: NetworkNamespace) => Users) {
    this.#usersOf = usersOf;
  }

  /** These are the namespaces now. That of process 1 needs no watch. */
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

  /** Looks. */
  check(): void {
    for (const [inode, watched] of [...this.#watched]) {
      watched.misses = watched.users.remain() ? 0 : watched.misses + 1;
      if (watched.misses < MISSES) continue;
      this.#watched.delete(inode);
      this.onDeleted(inode);
    }
  }
}
