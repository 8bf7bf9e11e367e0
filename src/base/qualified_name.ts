/** Names of interfaces. Interfaces in different network namespaces may have the same name. */

/** The name of an interface, and the inode of the network namespace in which it has this name. */
export interface QualifiedName {
  readonly name: string;
  readonly namespace: bigint;
}

/** True if both name the same interface. */
export function isSameName(a: QualifiedName, b: QualifiedName): boolean {
  return a.name === b.name && a.namespace === b.namespace;
}
