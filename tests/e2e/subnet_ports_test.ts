/** Effects of port events on an interface: down and up, change of the LID or the P_Key table, client reregister. */

import { assertEquals, assertGreater } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import {
  fault,
  fixedPair,
  GUIDS,
  type Host,
  type Lab,
  labTest,
  pause,
  Pings,
  startManager,
  until,
  untilConnected,
} from "./harness/mod.ts";

/** Linux does not change a neighbour's link-layer address that is younger than `locktime`, 1 s by default. */
const ARP_LOCK_MS = 1100;

async function portState(host: Host): Promise<string> {
  return (await host.link()).hca.port_state;
}

interface Shown {
  ports: { guid: string; state: string; pkeys: number[] }[];
}

async function shown(lab: Lab) {
  const { stdout } = await lab.ipoib("-j", "subnet", "show");
  const [subnet] = JSON.parse(stdout) as Shown[];
  return subnet!.ports.find(({ guid }) => guid === GUIDS[1])!;
}

labTest(
  "An interface loses carrier when its port goes down, and recovers when it comes up",
  async (lab) => {
    const [a, b] = await fixedPair(lab);
    await fault(lab, "port", GUIDS[1], "down");
    await until("port state DOWN", async () => await portState(b) === "DOWN");
    assertEquals((await shown(lab)).state, "down");
    assertEquals(await a.reaches(b), false);
    assertEquals((await b.link()).flags.includes("NO-CARRIER"), true);
    await fault(lab, "port", GUIDS[1], "up");
    await until(
      "port state ACTIVE",
      async () => await portState(b) === "ACTIVE",
    );
    await b.call("wait", {});
    await untilConnected(a, b);
  },
);

labTest("Traffic resumes after a change of the LID of a port", async (lab) => {
  const [a, b] = await fixedPair(lab);
  for (const lid of [0x4d, 0x4e]) {
    await pause(ARP_LOCK_MS);
    await fault(lab, "port", GUIDS[1], "lid", String(lid));
    await until("the new LID", async () => (await b.link()).hca.lid === lid);
    await untilConnected(a, b);
  }
  const { lid: ofA } = (await a.link()).hca;
  const taken = await lab.ipoib(
    ...["subnet", "fault", "port", GUIDS[1], "lid", String(ofA)],
  );
  assertEquals(taken.code, 2);
  await pause(ARP_LOCK_MS);
  await fault(lab, "port", GUIDS[1], "lid");
  await until("another LID", async () => (await b.link()).hca.lid !== 0x4e);
  await untilConnected(a, b);
});

labTest(
  "A child waits while its P_Key is not in the table of the port",
  async (lab) => {
    const [a, b] = await fixedPair(lab);
    for (const host of [a, b]) {
      assertEquals((await host.ipoib("child", "create", "0x8001")).code, 0);
      await host.ip("link", "set", "ib0.8001", "up");
      await host.call("wait", { name: "ib0.8001" });
    }
    const state = async () => (await b.link("ib0.8001")).state;
    await fault(lab, "port", GUIDS[1], "pkeys", "0xffff,0x8002");
    await until("the child to wait", async () => await state() !== "running");
    assertEquals((await shown(lab)).pkeys, [0xffff, 0x8002]);
    await untilConnected(a, b);
    await fault(lab, "port", GUIDS[1], "pkeys");
    await b.call("wait", { name: "ib0.8001" });
    const wrong = await lab.ipoib(
      ...["subnet", "fault", "port", GUIDS[1], "pkeys", "0xffff,0x8000"],
    );
    assertEquals(wrong.code, 2);
  },
);

labTest("A client reregister loses no packet", async (lab) => {
  const [a, b] = await fixedPair(lab);
  await using pings = await Pings.start(a, b.address, { interval: 0.01 });
  await pings.next();
  const before = (await b.counters())["port_rcv_packets"]!;
  for (let i = 0; i < 3; i++) {
    await fault(lab, "port", GUIDS[1], "reregister");
    await pings.next();
  }
  await pings.next();
  assertEquals(await pings.lost(), 0);
  assertGreater((await b.counters())["port_rcv_packets"]!, before);
  await untilConnected(a, b);
});

labTest(
  "The manager shows the PID of a port's process as it sees it, also if the process is in another PID namespace",
  async (lab) => {
    await startManager(lab);
    const [host] = await lab.hosts(1);
    const isolated = ["unshare", "--pid", "--fork", "--kill-child"];
    await host.up({ command: [...isolated, ...programCommand()] });
    const { stdout } = await lab.ipoib("-j", "subnet", "show");
    const [{ ports: [port] }] = JSON.parse(stdout);
    // proc(5): the PIDs in all PID namespaces of the process, the innermost last.
    const status = await Deno.readTextFile(`/proc/${port.pid}/status`);
    const pids = /^NSpid:\s+(.*)$/m.exec(status)![1]!.split("\t");
    assertEquals(pids, [`${port.pid}`, `${(await host.link()).pid}`]);
  },
);
