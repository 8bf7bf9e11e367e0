/** Which network namespace a command is meant for; the system room is loaded when this is asked, not before. */

import { type NamespaceIdentity, namespaceIdentity } from "../ipc/locate.ts";

/**
 * The namespace that a NAME, PID or PATH names, or the own one; throws `E_NETNS`.
 *
 * By system calls, because Deno's file functions want every permission for what is under /proc.
 */
export async function findNamespace(spec?: string): Promise<NamespaceIdentity> {
  const system = await import("../system/namespace.ts");
  using fd = spec === undefined
    ? system.ownNamespace()
    : system.openNamespace(spec);
  return namespaceIdentity(
    system.namespaceInode(fd.number),
    system.initialNamespaceInode(),
  );
}
