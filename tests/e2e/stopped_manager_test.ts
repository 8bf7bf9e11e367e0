/** A subnet manager whose process is stopped is replaced, and gives up its role when the process continues. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  exists,
  type Host,
  type Lab,
  labTest,
  managerPid,
  Pings,
  startManager,
  until,
} from "./harness/mod.ts";

/** Three requests without a reply, two seconds each, and a check by another process. */
const REPLACED_MS = 15_000;

/** Returns the PID of the manager with which the port of the host is registered, or undefined if it does not answer. */
async function managerOf(host: Host): Promise<number | undefined> {
  const show = host.call("subnet.show", {}, patient(2000));
  return (await show.catch(() => undefined))?.manager.pid;
}

async function waitForReplacement(
  host: Host,
  pids: readonly number[],
): Promise<number> {
  return await until("another manager", async () => {
    const pid = await managerOf(host);
    return pid !== undefined && pids.includes(pid) && pid;
  }, REPLACED_MS);
}

async function assertNewHostReaches(lab: Lab, to: Host): Promise<void> {
  const [newcomer] = await lab.hosts(1);
  await newcomer.up();
  assertEquals((await newcomer.ping(to)).received, 5);
}

labTest(
  "A stopped subnet run is replaced, and exits with an error when it continues",
  async (lab) => {
    const manager = await startManager(lab);
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    await using pings = await Pings.start(a, b.address, { interval: 0.02 });
    manager.kill("SIGSTOP");
    await waitForReplacement(a, [a.daemon.pid, b.daemon.pid]);
    await assertNewHostReaches(lab, a);
    manager.kill("SIGCONT");
    assertEquals(await manager.exit(), 2);
    assertMatch(manager.output, /did not answer, and another process/);
    // The old manager has not removed the socket of its successor.
    assert(exists(`${lab.runtime}/subnet/default/sm.sock`));
    await assertNewHostReaches(lab, b);
    assertEquals(await pings.lost(), 0);
  },
);

labTest(
  "A stopped interface that hosts the manager is replaced, and becomes an ordinary port when it continues",
  async (lab) => {
    const [first] = await lab.running(1);
    const [a, b] = await lab.running(2);
    assertEquals(await managerPid(a), first.daemon.pid);
    assert(await a.reaches(first));
    first.daemon.kill("SIGSTOP");
    const pid = await waitForReplacement(a, [a.daemon.pid, b.daemon.pid]);
    await assertNewHostReaches(lab, b);
    first.daemon.kill("SIGCONT");
    await until("the registration with the new manager", async () => {
      const { ports } = await first.call("subnet.show", {}, patient(2000))
        .catch(() => ({ ports: [] }));
      return ports.some((port) => port.pid === first.daemon.pid);
    });
    assertEquals(await managerPid(first), pid);
    assertEquals((await first.ping(a)).received, 5);
    assertEquals((await a.ping(first)).received, 5);
  },
);
