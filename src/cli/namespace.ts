/** Lookup of network namespaces. Loads src/system on demand. */

import { type NamespaceIdentity, namespaceIdentity } from "../ipc/locate.ts";

/**
 * Returns the namespace given by NAME, PID or PATH, by default that of this process. Throws `E_NETNS`.
 *
 * Uses system calls, because the file functions of Deno require all permissions for paths under /proc.
 */
export async function findNamespace(spec?: string): Promise<NamespaceIdentity> {
  const system = await import("../system/namespace.ts");
  using fd = spec === undefined ? undefined : system.openNamespace(spec);
  return namespaceIdentity(
    fd ? system.namespaceInode(fd.number) : system.ownNamespaceInode(),
    system.initialNamespaceInode(),
  );
}

/** Returns the names of the network namespaces in /run/netns by inode. */
export async function namespaceNames(): Promise<Map<bigint, string>> {
  const { namedNamespaces } = await import("../system/namespace.ts");
  return namedNamespaces();
}
