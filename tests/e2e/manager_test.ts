/** The end of the process that hosts the subnet manager: after SIGKILL another one takes over without loss of traffic. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Host,
  labTest,
  Pings,
  startManager,
  until,
} from "./harness/mod.ts";

/** At 100 per second: longer than a new manager waits for its ports to register. */
const PINGS = 400;

async function lid(host: Host): Promise<number> {
  return (await host.link()).hca.lid;
}

labTest(
  "SIGKILL of the subnet manager's process loses no packet, and a new host joins",
  async (lab) => {
    const [manager, a, b] = await lab.hosts(3);
    await manager.up();
    await Promise.all([a.up(), b.up()]);
    const [before] = await a.show<Subnet[]>("subnet", "show");
    assertEquals(before!.manager.pid, manager.daemon.pid);
    assert(await a.reaches(b));
    const lids = [await lid(a), await lid(b)];

    await using pings = await Pings.start(a, b.address, { interval: 0.01 });
    manager.daemon.kill("SIGKILL");
    await manager.daemon.exit();
    const after = await until("another process to take over", async () => {
      const show = await a.ipoib("-j", "subnet", "show");
      if (show.code !== 0) return undefined;
      const [subnet] = JSON.parse(show.stdout) as Subnet[];
      return subnet!.manager.pid !== manager.daemon.pid && subnet!;
    });
    assert([a.daemon.pid, b.daemon.pid].includes(after.manager.pid));

    const [newcomer] = await lab.hosts(1);
    await newcomer.up();
    for (const host of [a, b]) {
      assertEquals((await newcomer.ping(host)).received, 5);
      assertEquals((await host.ping(newcomer)).received, 5);
    }
    // Covers the takeover and the registrations with the new manager.
    assertEquals(await pings.first(PINGS), PINGS);
    assertEquals(await pings.lost(), 0);
    assertEquals([await lid(a), await lid(b)], lids);
    // The killed host also rejoins.
    await manager.up();
    assertEquals((await manager.ping(a)).received, 5);
  },
);

labTest(
  "`subnet run` logs the signal that ends it",
  async (lab) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const manager = await startManager(lab);
      manager.kill(signal);
      assertEquals(await manager.exit(), 0);
      assertMatch(
        manager.output,
        new RegExp(` subnet default: stopping: ${signal} received\\n$`),
      );
    }
  },
);

interface Subnet {
  manager: { pid: number; lid: number };
}
