/** Underlay of a tunnel between two namespaces: a veth pair. */

import { runInside } from "./inside.ts";
import type { Ends } from "./subject.ts";

const DEVICE = "under0";
/** Fits the tunnel's packets and headers without fragmentation. */
const UNDERLAY_MTU = 9000;

/** Connects two namespaces and returns the address of each. */
export async function createUnderlay(
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
