/** Neighbours that the administrator gives. */

import { assert, assertEquals } from "@std/assert";
import {
  announced,
  type Host,
  kernelNeighbours,
  labTest,
  linkAddress,
  ownNeighbours,
  Pings,
  until,
} from "./harness/mod.ts";

/** A value of `arp_ignore`: no request is answered. */
const NO_ANSWER = 8;
/** What `ip neigh` takes for a link-layer address, and the kernel does not keep. */
const LLADDR = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:0f:07";

async function sysctl(
  host: Host,
  name: string,
  value: number,
): Promise<void> {
  await host.must("sysctl", "-q", "-w", `net.ipv4.${name}=${value}`);
}

/** The state of a neighbour in the kernel and its link-layer address in the program. */
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
  "A static neighbour is reached although it answers no ARP, until it is deleted",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await sysctl(b, "conf.all.arp_ignore", NO_ANSWER);
    // Its own probes would tell where it is.
    await sysctl(b, "neigh.ib0.delay_first_probe_time", 1000);
    await announced(b);
    const lladdr = await linkAddress(b);
    assert(!await a.reaches(b));

    const add = await a.ipoib(
      ...["neigh", "add", b.address, "lladdr", lladdr, "dev", "ib0"],
    );
    assertEquals([add.code, add.stderr], [0, ""]);
    const held = ["PERMANENT", lladdr] as const;
    assertEquals(await entry(a, b), [...held]);
    assert(await a.reaches(b));

    await a.ip("neigh", "flush", "dev", "ib0");
    assertEquals(await entry(a, b), [...held]);
    assert(await a.reaches(b));

    assertEquals((await a.ipoib("neigh", "flush", "ib0")).code, 0);
    assertEquals(await entry(a, b), [...held]);
    assert(await a.reaches(b));

    await a.ip("link", "set", "ib0", "down");
    await until(
      "it is down",
      async () => (await a.link()).state !== "running",
    );
    await a.ip("link", "set", "ib0", "up");
    await a.ready();
    assertEquals(await entry(a, b), [...held]);
    assert(await a.reaches(b));

    const del = await a.ipoib("neigh", "del", b.address, "dev", "ib0");
    assertEquals([del.code, del.stderr], [0, ""]);
    assertEquals(await entry(a, b), [undefined, undefined]);
    assert(!await a.reaches(b));
  },
);

labTest(
  "A PERMANENT entry of `ip neigh` is resolved by our own request",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await a.ip(
      ...["neigh", "add", b.address, "dev", "ib0"],
      ...["lladdr", LLADDR, "nud", "permanent"],
    );
    assert(await a.reaches(b));
    assertEquals(await entry(a, b), ["PERMANENT", await linkAddress(b)]);

    // The kernel never asks again, wherever the neighbour goes.
    await using pings = await Pings.start(a, b.address, { interval: 0.05 });
    await pings.next();
    b.daemon.kill("SIGKILL");
    await b.daemon.exit();
    await b.up({ args: ["--guid", "0x02000000000a0099"] });
    await pings.next();
    assertEquals(await entry(a, b), ["PERMANENT", await linkAddress(b)]);
  },
);
