/** The network namespaces of the ports of an embedded subnet, which the subnet manager does not know. */

import { IpoibError } from "../base/errors.ts";
import type { LinkRecord, SubnetRecord } from "../ipc/schema.ts";
import type { CliEnvironment } from "./environment.ts";
import { askAll } from "./listing.ts";
import { namespaceName } from "./namespace.ts";

/** A subnet, and the namespace of each port where it is known. */
export interface PlacedSubnet extends SubnetRecord {
  readonly ports: PlacedPort[];
}

export type PlacedPort = SubnetRecord["ports"][number] & {
  /** Name of the namespace, `net:[INODE]` without a name, and empty for the initial one; undefined if not known. */
  readonly netns?: string;
};

/** A process that does not reply for this long is not waited for: the picture is of the subnet, not of processes. */
const REPLY_LIMIT_MS = 1000;

/**
 * Adds the namespaces. They are those of the interfaces that this user may ask, so without root only ports in the own
 * namespace have one. Of a process that does not answer, the socket tells the namespace, if its name is unique.
 */
export async function withPlaces(
  environment: CliEnvironment,
  subnet: SubnetRecord,
): Promise<PlacedSubnet> {
  const { answers } = await askAll(
    {
      ...environment,
      replyLimitMs: Math.min(environment.replyLimitMs, REPLY_LIMIT_MS),
    },
    { allNetns: true, eachInterface: false },
    ({ client }) => client.call("link.show", {}),
  );
  const names = await environment.namespaceNames();
  const byGuid = new Map<string, string>();
  const silent = new Map<string, string[]>();
  for (const { place, name, result } of answers) {
    const netns = namespaceName(place, names) ?? "";
    if (result instanceof IpoibError) {
      silent.set(name, [...silent.get(name) ?? [], netns]);
    } else for (const guid of guidsOf(result)) byGuid.set(guid, netns);
  }
  const place = (port: PlacedPort) => {
    const asked = byGuid.get(port.guid);
    if (asked !== undefined) return asked;
    const candidates = silent.get(port.name) ?? [];
    return candidates.length === 1 ? candidates[0] : undefined;
  };
  return {
    ...subnet,
    ports: subnet.ports.map((port) => {
      const netns = place(port);
      return netns === undefined ? port : { ...port, netns };
    }),
  };
}

/** Returns the name of a port with its namespace, unless that is the initial one or not known. */
export function placedName({ name, netns }: PlacedPort): string {
  return netns ? `${netns}/${name}` : name;
}

function guidsOf(links: readonly LinkRecord[]): string[] {
  return links.filter(({ link }) => link === undefined).map(({ hca }) =>
    hca.guid
  );
}
