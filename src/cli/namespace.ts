/** Lookup of network namespaces. Loads src/system on demand. */

import {
  type NamespaceDirectory,
  type NamespaceIdentity,
  namespaceIdentity,
} from "../ipc/locate.ts";

/**
 * Returns the namespace given by NAME, PID or PATH, by default that of this process. Throws `E_NETNS`.
 *
 * Uses system calls, because the file functions of Deno require all permissions for paths under /proc.
 */
export async function findNamespace(spec?: string): Promise<NamespaceIdentity> {
  const inodes = await import("../system/namespace_inodes.ts");
  return namespaceIdentity(
    spec === undefined ? inodes.ownNamespaceInode() : await inodeOfOther(spec),
    inodes.initialNamespaceInode(),
  );
}

async function inodeOfOther(spec: string): Promise<bigint> {
  const system = await import("../system/namespace.ts");
  using fd = system.openNamespace(spec);
  return system.namespaceInode(fd.number);
}

/** Returns the names of the network namespaces in /run/netns by inode. */
export async function namespaceNames(): Promise<Map<bigint, string>> {
  const { namedNamespaces } = await import("../system/namespace.ts");
  return namedNamespaces();
}

/** Returns the name of a namespace, `net:[INODE]` without a name; undefined for the initial one, which has no inode. */
export function namespaceName(
  { inode }: Pick<NamespaceDirectory, "inode">,
  names: ReadonlyMap<bigint, string>,
): string | undefined {
  return inode === undefined ? undefined : names.get(inode) ?? `net:[${inode}]`;
}
