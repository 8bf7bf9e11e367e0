/** Predicates and names that several checks use. */

import type { LinkRecord, McgRecord } from "../ipc/schema.ts";

type Hca = LinkRecord["hca"];

/** True if the port is one of an embedded subnet. */
export function isEmbedded({ subnet }: Hca): boolean {
  return subnet !== undefined;
}

/** Names a port: `mlx5_0/1`, `port 1 of subnet default`. */
export function portName({ device, port, subnet }: Hca): string {
  return subnet === undefined
    ? `${device}/${port}`
    : `port of subnet ${subnet}`;
}

/** Returns why no packet passes the port; undefined if it is active. */
export function portDown({ port_state: state }: Hca): string | undefined {
  return state === "ACTIVE" ? undefined : `the port is ${state}`;
}

/** Returns why the link has no queue pair; undefined if it has one. */
export function noLink(link: LinkRecord): string | undefined {
  if (!link.flags.includes("UP")) return "the interface is down";
  const down = portDown(link.hca);
  if (down !== undefined) return down;
  return link.pkey_index === undefined
    ? `P_Key ${link.pkey} is not in the port's table`
    : undefined;
}

/** Returns the entry of the broadcast group among the groups of an interface. */
export function broadcastGroup(
  { broadcast }: LinkRecord,
  groups: readonly McgRecord[],
): McgRecord | undefined {
  const mgid = gidOf(broadcast);
  return groups.find((group) => group.mgid === mgid);
}

/** Returns the GID or MGID in a link-layer address in the notation of the records: no `::`, no leading zeros. */
export function gidOf(address: string): string {
  const bytes = address.split(":").slice(4);
  const words: string[] = [];
  for (let i = 0; i < bytes.length; i += 2) {
    words.push(parseInt(`${bytes[i]}${bytes[i + 1]}`, 16).toString(16));
  }
  return words.join(":");
}

/** Returns the GUID in the low 64 bits of a GID in the notation of `neigh show`. */
export function guidOf(gid: string): string {
  const words = gid.split(":").slice(-4);
  return `0x${words.map((word) => word.padStart(4, "0")).join("")}`;
}
