/** A host whose configuration differs from the defaults in every respect, and what is stored of it. */

import { assertEquals } from "@std/assert";
import type { Host } from "./host.ts";
import { ownNeighbours } from "./neighbours.ts";
import { until } from "./until.ts";

const STATIC = "10.9.0.77";
const LLADDR = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:0f:07";

/** What the kernel stores of the interfaces of a host: all that the user has configured. */
export async function kernelState(
  host: Host,
): Promise<Record<string, unknown>> {
  const read = async (...words: string[]) =>
    JSON.parse(await host.ip("-j", ...words) || "[]");
  const links = await read("-d", "link", "show");
  const addresses = await read("addr", "show");
  return {
    links: links.map((each: Record<string, unknown>) => {
      const { ifindex, ifname, flags, mtu, txqlen, ifalias, operstate } = each;
      return { ifindex, ifname, flags, mtu, txqlen, ifalias, operstate };
    }),
    addresses: addresses.map((each: Record<string, unknown>) => each.addr_info),
    routes: [await read("route", "show"), await read("-6", "route", "show")],
    carrierChanges: await host.must(
      ...["cat", "/sys/class/net/ib0/carrier_changes"],
    ),
  };
}

/** Returns what the processes of a host store of its interfaces. */
export async function ownState(host: Host): Promise<unknown> {
  const links = [await host.link(), await host.link("ib0.8001")];
  return {
    links: links.map(({ linkinfo, mtu }) => ({ linkinfo, mtu })),
    coalesce: await host.call("coalesce.get", {}),
    rings: await host.call("rings.get", {}),
    features: await host.call("features", {}),
    params: await host.call("param.show", {}),
    children: (await host.call("child.list", {})).map(({ ifname }) => ifname),
    static: (await ownNeighbours(host)).get(STATIC),
  };
}

/** Changes everything that can be changed. */
export async function configure(host: Host): Promise<void> {
  const must = async (...words: string[]) => {
    const { code, stderr } = await host.ipoib(...words);
    assertEquals([code, stderr], [0, ""], words.join(" "));
  };
  await must("child", "create", "0x8001", "dev", "ib0");
  await must("link", "set", "ib0.8001", "umcast", "1");
  await must("ethtool", "-C", "ib0", "rx-usecs", "16", "rx-frames", "8");
  await must("param", "ib0", "debug_level", "1");
  await must("neigh", "add", STATIC, "lladdr", LLADDR, "dev", "ib0");
  await host.ip("link", "set", "ib0.8001", "up");
  await host.ip("link", "set", "ib0", "mtu", "1500", "txqueuelen", "2000");
  await host.ip("link", "set", "ib0", "alias", "uplink");
  await host.ip("addr", "add", "10.9.1.1/24", "dev", "ib0.8001");
  await host.ip("addr", "add", "fd00:9::1/64", "dev", "ib0", "nodad");
  await host.ip("route", "add", "10.77.0.0/16", "via", "10.9.0.99");
  await host.ip("-6", "route", "add", "fd77::/16", "via", "fd00:9::99");
  await until(
    "the child to run",
    async () => (await host.link("ib0.8001")).state === "running",
  );
  await until("the MTU", async () => (await host.link()).mtu === 1500);
  await until(
    "the end of duplicate address detection",
    async () => !(await host.ip("addr", "show")).includes("tentative"),
  );
}

/** True if the child of a configured host is restored and runs. */
export async function childRuns(host: Host): Promise<boolean> {
  const link = await host.link("ib0.8001").catch(() => undefined);
  return link?.state === "running";
}
