/** The neighbour tables of a host: that of the kernel and that of ipoib. */

import type { Host } from "./host.ts";
import { until } from "./until.ts";

const VALID = ["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT"];

/** Returns the kernel's state of each neighbour of an IP version, by address. */
export async function kernelNeighbours(
  host: Host,
  version: 4 | 6 = 4,
): Promise<Map<string, string>> {
  const words = ["-j", `-${version}`, "neigh", "show", "dev", "ib0"];
  const text = await host.ip(...words);
  const entries: { dst: string; state: string[] }[] = JSON.parse(text || "[]");
  return new Map(entries.map(({ dst, state }) => [dst, state.join()]));
}

/** Returns the link-layer address of each neighbour that ipoib has resolved, by IP address. */
export async function ownNeighbours(host: Host): Promise<Map<string, string>> {
  const entries = await host.show<{ dst: string; lladdr?: string }[]>(
    ...["neigh", "show", "ib0"],
  );
  const known = entries.filter(({ lladdr }) => lladdr !== undefined);
  return new Map(known.map(({ dst, lladdr }) => [dst, lladdr!]));
}

/**
 * Waits until ipoib has resolved exactly the neighbours of an IP version that are valid in the kernel, and these are the
 * `expected` ones, if given. Returns their sorted addresses.
 */
export async function agreedNeighbours(
  host: Host,
  version: 4 | 6 = 4,
  expected?: readonly string[],
): Promise<string[]> {
  return await until(
    `consistent neighbour tables in ${host.namespace}${
      expected ? ` with ${expected.join()}` : ""
    }`,
    async () => {
      const valid = [...await kernelNeighbours(host, version)]
        .filter(([, state]) => VALID.includes(state)).map(([dst]) => dst)
        .sort();
      const known = [...(await ownNeighbours(host)).keys()]
        .filter((each) => each.includes(":") === (version === 6)).sort();
      return `${valid}` === `${known}` &&
        `${valid}` === `${expected ?? valid}` && valid;
    },
  );
}

/** Returns the link-layer address of the host's interface. */
export async function linkAddress(host: Host): Promise<string> {
  const [link] = await host.show<{ address: string }[]>("link", "show", "ib0");
  return link!.address;
}

/** Returns the link-local IPv6 address of ib0 once duplicate address detection has accepted it. */
export async function linkLocal(host: Host): Promise<string> {
  return await until("a link-local address", async () => {
    const words = ["-6", "-o", "addr", "show", "dev", "ib0", "scope", "link"];
    const text = await host.ip(...words, "-tentative");
    return / inet6 (fe80:\S+)\/64 /.exec(text)?.[1];
  });
}

/**
 * Waits until a host whose interface has just come up has sent both ARP announcements of its address. The host must not
 * have sent any other ARP packet.
 */
export async function untilAnnounced(host: Host): Promise<void> {
  await until(
    `both announcements of ${host.namespace}`,
    async () => (await host.counters())["tx_arp"]! >= 2,
  );
}
