/** How `doctor` names the network namespace of an interface, and how the commands of its remedies are run there. */

import type { NamespaceDirectory } from "../ipc/locate.ts";
import type { CliEnvironment } from "./environment.ts";
import { namespaceName } from "./namespace.ts";
import type { GlobalOptions } from "./options.ts";

/** A namespace that the output names. */
export interface ExaminedNamespace {
  readonly name: string;
  /** The words before a command that run it there; absent if it is the namespace of this process, or has no name. */
  readonly enter?: string;
}

/**
 * Returns a function for the namespaces that the options select. Its result is undefined for those that need no name:
 * that of this process without an option, and the initial one with `-a`. Throws `E_NETNS`.
 */
export async function namespacesOf(
  environment: CliEnvironment,
  { allNetns, netns }: Pick<GlobalOptions, "allNetns" | "netns">,
): Promise<(place: NamespaceDirectory) => ExaminedNamespace | undefined> {
  if (!allNetns && netns === undefined) return () => undefined;
  const names = await environment.namespaceNames();
  const own = (await environment.namespace()).inode;
  const described = (
    inode: bigint | undefined,
    name: string,
    enter: string | undefined,
  ) => inode === own || enter === undefined ? { name } : { name, enter };
  const byName = (inode: bigint | undefined) => {
    const name = inode === undefined ? undefined : names.get(inode);
    return name === undefined ? undefined : `ip netns exec ${name}`;
  };
  if (allNetns || netns === undefined) {
    return (place) => {
      const name = namespaceName(place, names);
      return name === undefined
        ? undefined
        : described(place.inode, name, byName(place.inode));
    };
  }
  const { inode } = await environment.namespace(netns);
  const given = described(
    inode,
    names.get(inode) ?? netns,
    byName(inode) ?? enterGiven(netns),
  );
  return () => given;
}

/** Returns the words that enter a namespace given by PATH, PID or NAME. */
function enterGiven(spec: string): string {
  if (spec.includes("/")) return `nsenter --net=${spec}`;
  return /^[0-9]+$/.test(spec)
    ? `nsenter -t ${spec} -n`
    : `ip netns exec ${spec}`;
}
