/** An unprivileged user joins more groups than one message to a subnet manager holds; then the manager is killed. */

import { assert, assertEquals } from "@std/assert";
import {
  type Host,
  labTest,
  membershipSockets,
  Pings,
  startManager,
  until,
} from "./harness/mod.ts";

/** Groups that the user joins, and the limit of the interface (--max-groups). */
const GROUPS = 1200;
const LIMIT = 1100;

async function joined(host: Host): Promise<number> {
  const groups = await host.call("mcg.show", { name: "ib0" });
  return groups.filter(({ attached, join }) => attached && join === "joined")
    .length;
}

labTest(
  "An interface with 1100 multicast groups keeps them under a new subnet manager",
  async (lab) => {
    const manager = await startManager(lab);
    const [host, other] = await lab.running(2, ["--max-groups", `${LIMIT}`]);
    assert(await other.reaches(host));
    using _sockets = await membershipSockets(host, GROUPS);
    // The broadcast group does not count towards the limit.
    await until(
      "the joins",
      async () => await joined(host) === LIMIT + 1,
      60_000,
    );
    await using pings = await Pings.start(other, host.address, {
      interval: 0.02,
    });
    manager.kill("SIGKILL");
    await manager.exit();
    await until("another process to take over", async () => {
      const show = await other.ipoib("-j", "subnet", "show");
      return show.code === 0;
    });
    await until(
      "the joins with the new manager",
      async () => await joined(host) === LIMIT + 1,
      60_000,
    );
    // The new manager has all memberships. It may have read a leave later than the interface counted it.
    const { hca } = await host.link();
    await until("the memberships of the new manager", async () => {
      const show = await lab.ipoib("-j", "subnet", "show");
      const [{ groups }] = JSON.parse(show.stdout) as [Subnet];
      const members = groups.filter(({ members }) =>
        members.some(({ guid }) => guid === hca.guid)
      );
      return members.length === LIMIT + 1;
    });
    assertEquals(await pings.lost(), 0);
    const [stats] = await host.call("stats", { name: "ib0" });
    assert(stats!.counters["groups_refused"]! >= GROUPS - LIMIT);
  },
);

interface Subnet {
  groups: { members: { guid: string }[] }[];
}
