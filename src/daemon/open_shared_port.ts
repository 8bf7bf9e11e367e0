/** A real port's other users (shared_port.ts), with the locks and the namespaces of this host. */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { type IpoibLink, IpoibLinks } from "../netdev/ipoib_links.ts";
import type { Fd } from "../system/fd.ts";
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
      using stack = new DisposableStack();
      const found = namespaces(netns).map((each) => stack.use(each));
      return found.map((namespace) => openLinks(namespace, onDown));
    },
  });

  function openLinks(
    namespace: Fd,
    onDown: (link: IpoibLink) => void,
  ): Links {
    try {
      return new IpoibLinks({ reactor, netns: namespace.number, onDown });
    } catch (error) {
      log.debug(IpoibError.from(error).message);
      return { isUp: () => false, close: () => {} };
    }
  }
}

/** The namespaces that can be seen: the process's own, the interface's, and the initial one. */
function namespaces(netns: number): Fd[] {
  const opened = [
    ownNamespace,
    () => openNamespace(`/proc/self/fd/${netns}`),
    () => openNamespace("/proc/1/ns/net"),
  ].flatMap((open) => {
    try {
      return [open()];
    } catch {
      return [];
    }
  });
  const seen = new Set<bigint>();
  return opened.filter((each) => {
    const inode = namespaceInode(each.number);
    const isNew = !seen.has(inode);
    seen.add(inode);
    if (!isNew) each.close();
    return isNew;
  });
}
