/** The two tables of neighbours of a host: the kernel's, and the program's. */

import type { Host } from "./host.ts";
import { until } from "./until.ts";

const VALID = ["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT"];

/** The kernel's state of each neighbour. */
export async function kernelNeighbours(
  host: Host,
): Promise<Map<string, string>> {
  const text = await host.ip("-j", "-4", "neigh", "show", "dev", "ib0");
  const entries: { dst: string; state: string[] }[] = JSON.parse(text || "[]");
  return new Map(entries.map(({ dst, state }) => [dst, state.join()]));
}

/** The link-layer address of each neighbour that has one. */
export async function ownNeighbours(host: Host): Promise<Map<string, string>> {
  const entries = await host.show<{ dst: string; lladdr?: string }[]>(
    ...["neigh", "show", "ib0"],
  );
  const known = entries.filter(({ lladdr }) => lladdr !== undefined);
  return new Map(known.map(({ dst, lladdr }) => [dst, lladdr!]));
}

/** Waits until the program has the addresses of just those neighbours that the kernel believes in; returns them. */
export async function agreement(host: Host): Promise<string[]> {
  return await until(`the tables of ${host.namespace} agree`, async () => {
    const valid = [...await kernelNeighbours(host)]
      .filter(([, state]) => VALID.includes(state)).map(([dst]) => dst).sort();
    const known = [...(await ownNeighbours(host)).keys()].sort();
    return valid.join() === known.join() && valid;
  });
}

/** The link-layer address of the host's own interface. */
export async function linkAddress(host: Host): Promise<string> {
  const [link] = await host.show<{ address: string }[]>("link", "show", "ib0");
  return link!.address;
}

/**
 * Waits until a host that has just come up has announced its address for the last time: what hears of it in that way needs
 * no answer. Nothing else may have had a reason for ARP yet.
 */
export async function announced(host: Host): Promise<void> {
  await until(
    `${host.namespace} has announced its address twice`,
    async () => (await host.counters())["arp_sent"]! >= 2,
  );
}
