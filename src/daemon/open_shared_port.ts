/** Opens a {@linkcode SharedPort} with a lock file and the ib_ipoib interfaces of the visible network namespaces. */

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

/**
 * Opens the shared port for interface `name`. Failures are logged and reduce what the port detects.
 *
 * @param gid returns the GID of the port, 16 bytes
 * @param locks path of the lock file
 * @param netns descriptor of the network namespace of the interface, open during this call
 */
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

/**
 * Opens the namespaces of the interface and of process 1, except that of the thread itself and those that cannot be
 * opened.
 */
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
        // Opening the namespace of process 1 requires at least its capabilities.
        return [];
      }
    },
  );
  const opened = parts.move();
  return { descriptors, [Symbol.dispose]: () => opened.dispose() };
}
