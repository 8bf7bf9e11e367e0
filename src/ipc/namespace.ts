/** Which network namespace a process is in, or one that is named: the system's side of locate.ts. */

import {
  initialNamespaceInode,
  namespaceInode,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import { type NamespaceIdentity, namespaceIdentity } from "./locate.ts";

/**
 * The namespace that a NAME, PID or PATH names, or the calling thread's own; throws `E_NETNS`.
 *
 * By system calls, because Deno's file functions want every permission for what is under /proc.
 */
export function findNamespace(spec?: string): NamespaceIdentity {
  using fd = spec === undefined ? ownNamespace() : openNamespace(spec);
  return namespaceIdentity(namespaceInode(fd.number), initialNamespaceInode());
}
