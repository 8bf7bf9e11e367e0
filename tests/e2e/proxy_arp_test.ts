/** Proxy ARP: a router answers ARP requests for addresses of a host behind it. */

import { assertEquals } from "@std/assert";
import { connectBehind, type Host, labTest } from "./harness/mod.ts";

/** Addresses in the IP subnet of the link that belong to the host behind the router. */
const BEHIND = ["10.9.0.201", "10.9.0.202"] as const;

/** Connects `behind` to the router and assigns both addresses to it. */
async function addBehind(router: Host, behind: Host): Promise<void> {
  await connectBehind(router, behind);
  for (const address of BEHIND) {
    await behind.ip("addr", "add", `${address}/32`, "dev", "lo");
    await router.ip("route", "add", address, "via", "10.20.0.2");
  }
}

labTest(
  "A router with ip neigh add proxy or proxy_arp answers ARP requests for hosts behind it",
  async (lab) => {
    const [a, b, router] = await lab.running(3);
    const [behind] = await lab.hosts(1);
    await addBehind(router, behind);
    const [one, all] = BEHIND;
    // The kernel delays proxy replies (net.ipv4.neigh.ib0.proxy_delay).
    await router.ip("neigh", "add", "proxy", one, "dev", "ib0");
    // Simultaneous requests of two hosts.
    const pings = await Promise.all([a, b].map((host) => host.ping(one)));
    assertEquals(pings, new Array(2).fill({ sent: 5, received: 5 }));
    assertEquals(await a.reaches(all), false);
    const conf = "/proc/sys/net/ipv4/conf/ib0/proxy_arp";
    await router.must("sh", "-c", `echo 1 > ${conf}`);
    assertEquals(await a.ping(all), { sent: 5, received: 5 });

    const { address } = await router.link();
    const neighbours = await a.call("neigh.show", { name: "ib0" });
    for (const each of BEHIND) {
      const found = neighbours.find(({ dst }) => dst === each);
      assertEquals([each, found?.lladdr], [each, address]);
    }
    // The reverse direction, from an address behind the router.
    const words = ["ping", "-n", "-c", "1", "-I", one, a.address];
    assertEquals((await behind.run(words)).code, 0);
  },
);
