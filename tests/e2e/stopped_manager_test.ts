/** A subnet manager whose process has stopped: another one takes its place, and it ends itself when it goes on. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { programCommand } from "../../scripts/program.ts";
import {
  exists,
  type Host,
  type Lab,
  labTest,
  Pings,
  until,
} from "./harness/mod.ts";

/** Three questions without an answer, two seconds each, and a process that makes sure. */
const REPLACED_MS = 15_000;

/** PID of the process that hosts the manager; undefined while none answers. */
async function managerPid(host: Host): Promise<number | undefined> {
  const show = await host.ipoib("-j", "subnet", "show");
  if (show.code !== 0) return undefined;
  return JSON.parse(show.stdout)[0].manager.pid;
}

async function replacedBy(
  asked: Host,
  pids: readonly number[],
): Promise<number> {
  return await until("another manager", async () => {
    const pid = await managerPid(asked);
    return pid !== undefined && pids.includes(pid) && pid;
  }, REPLACED_MS);
}

async function newcomerTalks(lab: Lab, to: Host): Promise<void> {
  const [newcomer] = await lab.hosts(1);
  await newcomer.up();
  assertEquals((await newcomer.ping(to)).received, 5);
}

labTest(
  "SIGSTOP of the manager's process: another one takes over, and it ends when it goes on",
  async (lab) => {
    const manager = lab.start([...programCommand(), "subnet", "run"]);
    await manager.says(/subnet manager running/);
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    await using pings = await Pings.start(a, b.address, { interval: 0.02 });
    manager.kill("SIGSTOP");
    await replacedBy(a, [a.daemon.pid, b.daemon.pid]);
    await newcomerTalks(lab, a);
    manager.kill("SIGCONT");
    assertEquals(await manager.exit(), 2);
    assertMatch(manager.output, /did not answer, and another process/);
    // It took nothing of its successor's along.
    assert(exists(`${lab.runtime}/subnet/default/sm.sock`));
    await newcomerTalks(lab, b);
    assertEquals(await pings.lost(), 0);
  },
);

labTest(
  "SIGSTOP of an interface that hosts the manager: it is a port like others when it goes on",
  async (lab) => {
    const [first] = await lab.running(1);
    const [a, b] = await lab.running(2);
    assertEquals(await managerPid(a), first.daemon.pid);
    assert(await a.reaches(first));
    first.daemon.kill("SIGSTOP");
    const pid = await replacedBy(a, [a.daemon.pid, b.daemon.pid]);
    await newcomerTalks(lab, b);
    first.daemon.kill("SIGCONT");
    await until("it has the manager that the others have", async () => {
      const { ports } = await first.call("subnet.show", {}, patient(2000))
        .catch(() => ({ ports: [] }));
      return ports.some((port) => port.pid === first.daemon.pid);
    });
    assertEquals(await managerPid(first), pid);
    assertEquals((await first.ping(a)).received, 5);
    assertEquals((await a.ping(first)).received, 5);
  },
);
