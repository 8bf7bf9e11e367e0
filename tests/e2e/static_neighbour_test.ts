/** Static neighbour entries. */

import { assert, assertEquals } from "@std/assert";
import {
  type Host,
  kernelNeighbours,
  labTest,
  linkAddress,
  ownNeighbours,
  Pings,
  until,
  untilAnnounced,
} from "./harness/mod.ts";

/** Value of `arp_ignore` with which the kernel answers no request. */
const IGNORE_ALL = 8;
/** A link-layer address that `ip neigh` accepts and the kernel does not store. */
const LLADDR = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:0f:07";

async function sysctl(
  host: Host,
  name: string,
  value: number,
): Promise<void> {
  await host.must("sysctl", "-q", "-w", `net.ipv4.${name}=${value}`);
}

/** Returns the state of a neighbour in the kernel, and its link-layer address in ipoib. */
async function entry(
  host: Host,
  of: Host,
): Promise<[string | undefined, string | undefined]> {
  return [
    (await kernelNeighbours(host)).get(of.address),
    (await ownNeighbours(host)).get(of.address),
  ];
}

labTest(
  "A static neighbour that answers no ARP requests is reachable until it is deleted",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await sysctl(b, "conf.all.arp_ignore", IGNORE_ALL);
    // Probes of b would contain its link-layer address.
    await sysctl(b, "neigh.ib0.delay_first_probe_time", 1000);
    await untilAnnounced(b);
    const lladdr = await linkAddress(b);
    assert(!await a.reaches(b));

    const add = await a.ipoib(
      ...["neigh", "replace", b.address, "lladdr", lladdr, "dev", "ib0"],
    );
    assertEquals([add.code, add.stderr], [0, ""]);
    const expected = ["PERMANENT", lladdr] as const;
    assertEquals(await entry(a, b), [...expected]);
    assert(await a.reaches(b));

    await a.ip("neigh", "flush", "dev", "ib0");
    assertEquals(await entry(a, b), [...expected]);
    assert(await a.reaches(b));

    assertEquals((await a.ipoib("neigh", "flush", "ib0")).code, 0);
    assertEquals(await entry(a, b), [...expected]);
    assert(await a.reaches(b));

    await a.ip("link", "set", "ib0", "down");
    await until(
      "the interface to be down",
      async () => (await a.link()).state !== "running",
    );
    await a.ip("link", "set", "ib0", "up");
    await a.ready();
    assertEquals(await entry(a, b), [...expected]);
    assert(await a.reaches(b));

    const del = await a.ipoib("neigh", "del", b.address, "dev", "ib0");
    assertEquals([del.code, del.stderr], [0, ""]);
    assertEquals(await entry(a, b), [undefined, undefined]);
    assert(!await a.reaches(b));
  },
);

labTest(
  "ipoib resolves a PERMANENT entry of `ip neigh` by its own ARP requests",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await a.ip(
      ...["neigh", "add", b.address, "dev", "ib0"],
      ...["lladdr", LLADDR, "nud", "permanent"],
    );
    assert(await a.reaches(b));
    assertEquals(await entry(a, b), ["PERMANENT", await linkAddress(b)]);

    // The kernel sends no further requests for a PERMANENT entry, but ipoib follows the neighbour to another port.
    await using pings = await Pings.start(a, b.address, { interval: 0.05 });
    await pings.next();
    b.daemon.kill("SIGKILL");
    await b.daemon.exit();
    await b.up({ args: ["--guid", "0x02000000000a0099"] });
    await pings.next();
    assertEquals(await entry(a, b), ["PERMANENT", await linkAddress(b)]);
  },
);
