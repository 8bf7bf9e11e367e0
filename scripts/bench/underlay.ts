/** What a tunnel between two namespaces goes over: a pair of kernel interfaces. */

import { runInside } from "./inside.ts";
import type { Ends } from "./subject.ts";

const DEVICE = "under0";
/** Room for the tunnel's packets with their headers in one piece. */
const UNDERLAY_MTU = 9000;

/** Joins two namespaces; returns the address of each. */
export async function layUnder(
  [near, far]: Ends<string>,
  net: number,
): Promise<[string, string]> {
  const addresses: [string, string] = [`10.97.${net}.1`, `10.97.${net}.2`];
  await runInside(
    near,
    ...["ip", "link", "add", DEVICE, "type", "veth"] as const,
    ...["peer", "name", DEVICE, "netns", far],
  );
  for (const [i, namespace] of [near, far].entries()) {
    const ip = (...args: string[]) => runInside(namespace, "ip", ...args);
    await ip("link", "set", DEVICE, "mtu", String(UNDERLAY_MTU), "up");
    await ip("address", "add", `${addresses[i]}/24`, "dev", DEVICE);
  }
  return addresses;
}
