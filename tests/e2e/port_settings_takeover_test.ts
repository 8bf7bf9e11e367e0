/** P_Key tables and port states that an operation has set are kept by the next subnet managers. */

import { assertEquals } from "@std/assert";
import { fullForm } from "../../scripts/test/form.ts";
import {
  fault,
  GUIDS,
  type Host,
  type Lab,
  labTest,
  managerPid,
  startManager,
  until,
  untilConnected,
} from "./harness/mod.ts";

/** Three requests without a reply, two seconds each, and a check by another process. */
const REPLACED_MS = 15_000;
/** GUID of the third host, whose port is down. */
const DOWN = "0x0200000000000a03";
const SET = [0xffff, 0x8002, 0x8009];

interface Shown {
  manager: { pid: number };
  ports: { guid: string; lid: number; state: string; pkeys: number[] }[];
}

/** Returns LID, state and P_Keys by GUID; undefined until the manager is not `old` and all ports are registered. */
async function shown(lab: Lab, old?: number) {
  const { code, stdout } = await lab.ipoib("-j", "subnet", "show");
  if (code !== 0) return undefined;
  const [{ manager, ports }] = JSON.parse(stdout) as [Shown];
  if (manager.pid === old || ports.length < 3) return undefined;
  return Object.fromEntries(
    ports.map(({ guid, lid, state, pkeys }) => [guid, { lid, state, pkeys }]),
  );
}

/** Starts a manager and three hosts; sets the P_Key table of the second port, and the third port down. */
async function start(lab: Lab) {
  const manager = await startManager(lab);
  const hosts = await lab.hosts(3);
  await Promise.all(
    hosts.map((host, i) => host.up({ args: ["--guid", [...GUIDS, DOWN][i]!] })),
  );
  await fault(lab, "port", GUIDS[1], "pkeys", "0xffff,0x8002,0x8009");
  await fault(lab, "port", DOWN, "down");
  const before = (await shown(lab))!;
  assertEquals(before[GUIDS[1]]!.pkeys, SET);
  assertEquals(before[DOWN]!.state, "down");
  /** Waits until the ports have registered with another manager than `old`, which must know the same of them. */
  const registered = (old: number | undefined) =>
    until("the ports to register with another manager", async () => {
      const now = await shown(lab, old);
      if (now !== undefined) assertEquals(now, before);
      return now;
    }, REPLACED_MS);
  return { manager, hosts, registered };
}

async function assertStates(
  [a, b, c]: readonly [Host, Host, Host],
): Promise<void> {
  assertEquals((await c.link()).hca.port_state, "DOWN");
  assertEquals((await c.link()).state, "waiting for the port (down)");
  assertEquals((await b.link()).hca.port_state, "ACTIVE");
  assertEquals(await a.reaches(c), false);
  await untilConnected(a, b);
}

labTest(
  "P_Keys and port states that subnet fault has set survive kill -9 of the manager, and kill-manager",
  async (lab) => {
    const { manager, hosts, registered } = await start(lab);
    manager.kill("SIGKILL");
    await manager.exit();
    await registered(manager.pid);
    await assertStates(hosts);

    const killed = await managerPid(lab);
    await fault(lab, "kill-manager");
    await registered(killed);
    await assertStates(hosts);

    const [a, b, c] = hosts;
    await fault(lab, "port", GUIDS[1], "pkeys");
    await fault(lab, "port", DOWN, "up");
    assertEquals((await shown(lab))![GUIDS[1]]!.pkeys, [
      0xffff,
      0x8002,
      0,
      0x8001,
    ]);
    await untilConnected(a, b);
    await until("c to be reached", () => a.reaches(c));
  },
);

const stopped = fullForm(
  "P_Keys and port states that subnet fault has set survive SIGSTOP of the manager",
);

labTest(stopped.name, async (lab) => {
  const { manager, hosts, registered } = await start(lab);
  manager.kill("SIGSTOP");
  await registered(manager.pid);
  await assertStates(hosts);
  const pid = await managerPid(lab);
  const { daemon } = hosts.find(({ daemon }) => daemon.pid === pid)!;
  daemon.kill("SIGSTOP");
  await until("another manager", async () => {
    const other = await managerPid(lab);
    return other !== undefined && other !== pid;
  }, REPLACED_MS);
  daemon.kill("SIGCONT");
  await registered(pid);
  await assertStates(hosts);
}, { ignore: stopped.ignore });
