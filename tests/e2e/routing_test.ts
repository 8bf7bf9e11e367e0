/** Three hosts, and a network routed via one of them. */

import { assertEquals, assertGreater } from "@std/assert";
import { connectBehind, iperf, iperfServer, labTest } from "./harness/mod.ts";

labTest(
  "Three hosts reach each other, and a network routed via one of them",
  async (lab) => {
    const [a, b, router] = await lab.running(3);
    const hosts = [a, b, router];
    await Promise.all(
      hosts.flatMap((from) =>
        hosts.filter((to) => to !== from).map(async (to) => {
          assertEquals(await from.ping(to), { sent: 5, received: 5 });
        })
      ),
    );

    const [behind] = await lab.hosts(1);
    await connectBehind(router, behind);
    await a.ip("route", "add", "10.20.0.0/24", "via", router.address);

    assertEquals(await a.ping("10.20.0.2"), { sent: 5, received: 5 });
    assertEquals(await behind.ping(a), { sent: 5, received: 5 });
    await iperfServer(behind);
    for (const direction of [[], ["-R"]]) {
      assertGreater((await iperf(a, "10.20.0.2", ...direction)).received, 1e6);
    }
    const neighbours = await a.call("neigh.show", { name: "ib0" });
    assertEquals(
      neighbours.map((neighbour) => neighbour.dst).sort(),
      [b.address, router.address].sort(),
    );
    // Host b has no route to this network: its kernel refuses the packet.
    assertEquals((await b.run(["ping", "-c", "1", "10.20.0.2"])).code, 2);
  },
);
