/** kill -9 of the subnet manager's process: traffic goes on, somebody takes over, a newcomer joins. */

import { assert, assertEquals } from "@std/assert";
import { type Host, labTest, pingResult, until } from "./harness/mod.ts";

async function lid(host: Host): Promise<number> {
  return (await host.link()).hca.lid;
}

labTest(
  "kill -9 of the subnet manager: no packet is lost, a newcomer joins",
  async (lab) => {
    const [manager, a, b] = await lab.hosts(3);
    await manager.up();
    await Promise.all([a.up(), b.up()]);
    const [before] = await a.show<Subnet[]>("subnet", "show");
    assertEquals(before!.manager.pid, manager.daemon.pid);
    assert(await a.reaches(b));
    const lids = [await lid(a), await lid(b)];

    const ping = a.start(
      ...["ping", "-n", "-q", "-i", "0.01", "-c", "300", b.address],
    );
    await ping.says(/bytes of data/);
    manager.daemon.kill("SIGKILL");
    await manager.daemon.exit();
    const after = await until("another process takes over", async () => {
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
    assertEquals(await ping.exit(), 0);
    assertEquals(pingResult(ping.output), { sent: 300, received: 300 });
    assertEquals([await lid(a), await lid(b)], lids);
    // The one that was killed comes back, too.
    await manager.up();
    assertEquals((await manager.ping(a)).received, 5);
  },
);

interface Subnet {
  manager: { pid: number; lid: number };
}
