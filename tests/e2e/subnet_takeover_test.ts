/** Takeover of the subnet manager under load: no packet loss between neighbours, joins answered within 2 s. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { fault, type Host, labTest, Pings, until } from "./harness/mod.ts";

const GROUP = "239.1.2.5";
const MGID = "ff12:401b:ffff:0:0:0:f01:205";
/** Time limit at normal machine speed. */
const JOIN_LIMIT_MS = 2000;

async function joined(host: Host): Promise<boolean> {
  const groups = await host.call("mcg.show", { name: "ib0" });
  return groups.some((group) => group.mgid === MGID && group.attached);
}

labTest(
  "Takeover of the subnet manager loses no packet, and a join is answered within 2 s",
  async (lab) => {
    const [manager, a, b] = await lab.hosts(3);
    await manager.up();
    await Promise.all([a.up(), b.up()]);
    // Resolve the neighbours in both directions.
    assert(await a.reaches(b));
    assert(await b.reaches(a));
    const lids = await Promise.all([a, b].map(lid));
    const interval = 0.01;
    await using toB = await Pings.start(a, b.address, { interval });
    await using toA = await Pings.start(b, a.address, { interval });

    const joinAfter = async (kill: () => void) => {
      kill();
      const begin = performance.now();
      const member = b.start(
        ...["socat", "-u"],
        `UDP4-RECV:5002,ip-add-membership=${GROUP}:ib0`,
        "STDOUT",
      );
      await until("the reply to the join", () => joined(b));
      assertLess(performance.now() - begin, patient(JOIN_LIMIT_MS));
      await member[Symbol.asyncDispose]();
      await until("the leave", async () => !await joined(b));
    };
    await joinAfter(() => manager.daemon.kill("SIGKILL"));
    await manager.daemon.exit();
    await manager.up();
    assert(await manager.reaches(a));
    // The manager now runs in the process of a or b. kill-manager does not end the interface.
    await fault(lab, "kill-manager");
    await joinAfter(() => {});
    for (const pings of [toA, toB]) {
      await pings.next();
      assertEquals(await pings.lost(), 0);
    }
    assertEquals(await Promise.all([a, b].map(lid)), lids);
  },
);

async function lid(host: Host): Promise<number> {
  return (await host.link()).hca.lid;
}
