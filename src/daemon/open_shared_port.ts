/** A real port's other users (shared_port.ts), with the locks and the namespaces of this host. */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { type IpoibLink, IpoibLinks } from "../netdev/ipoib_links.ts";
import {
  namespaceInode,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import { RangeLocks } from "../system/range_locks.ts";
import type { Reactor } from "../system/reactor.ts";
import { type Links, SharedPort } from "./shared_port.ts";

/** For the interface `name`: `locks` is the lock file's path, `netns` the interface's namespace, open for the time of the call. */
export function openSharedPort(
  reactor: Reactor,
  name: string,
  gid: () => Uint8Array,
  { locks, netns }: { locks: string; netns: number },
): SharedPort {
  const log = getLogger(name);
  return new SharedPort({
    reactor,
    log,
    gid,
    openLocks: () => new RangeLocks(locks),
    openLinks: (onDown) => {
      using others = otherNamespaces(netns);
      return [undefined, ...others.descriptors].map((each) =>
        openLinks(each, onDown)
      );
    },
  });

  function openLinks(
    namespace: number | undefined,
    onDown: (link: IpoibLink) => void,
  ): Links {
    try {
      return new IpoibLinks({ reactor, netns: namespace, onDown });
    } catch (error) {
      log.debug(IpoibError.from(error).message);
      return { isUp: () => false, close: () => {} };
    }
  }
}

/** The namespaces that can be seen beside the thread's own: the interface's, and the initial one. */
function otherNamespaces(
  netns: number,
): Disposable & { readonly descriptors: readonly number[] } {
  using parts = new DisposableStack();
  using own = ownNamespace();
  const known = new Set([namespaceInode(own.number)]);
  const descriptors = [`/proc/self/fd/${netns}`, "/proc/1/ns/net"].flatMap(
    (path) => {
      try {
        const { number } = parts.use(openNamespace(path));
        const inode = namespaceInode(number);
        if (known.has(inode)) return [];
        known.add(inode);
        return [number];
      } catch {
        // A process with fewer capabilities than process 1 may not see its namespace.
        return [];
      }
    },
  );
  const opened = parts.move();
  return { descriptors, [Symbol.dispose]: () => opened.dispose() };
}
