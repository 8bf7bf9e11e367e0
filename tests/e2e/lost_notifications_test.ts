/** More changes of neighbours than the kernel keeps for a listener: both tables agree again, and traffic passes. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  agreement,
  type Host,
  kernelNeighbours,
  labTest,
  must,
  UdpSocket,
  until,
} from "./harness/mod.ts";

const PORT = 7002;
/** Addresses at a time. Kept small: the kernel's table is shared by all namespaces. */
const ABSENT = 200;
/** Changes to overrun a listener's 1 MiB: in each round all addresses are added and deleted. */
const CHANGE_ROUNDS = 20;
const SWEEP_ROUNDS = 10;

/** What the netlink listeners of a namespace have not read yet, and how many events they lost. */
async function listeners(
  host: Host,
): Promise<{ waiting: number; lost: number }> {
  const text = await host.must("cat", "/proc/net/netlink");
  const [head, ...rows] = text.trim().split("\n").map((line) =>
    line.trim().split(/\s+/)
  );
  const sum = (name: string) =>
    rows.reduce((total, row) => total + Number(row[head!.indexOf(name)]), 0);
  return { waiting: sum("Rmem"), lost: sum("Drops") };
}

/** Addresses where nobody is, others for each round. */
function absent(round: number): string[] {
  return Array.from({ length: ABSENT }, (_, i) => `10.10.${round}.${i + 1}`);
}

/** Makes and deletes entries, so many that a process which does not listen loses notifications. */
async function change(host: Host, ...more: string[]): Promise<void> {
  const lines: string[] = [];
  for (let i = 0; i < CHANGE_ROUNDS; i++) {
    for (const each of absent(0)) {
      lines.push(`neigh replace ${each} dev ib0 nud reachable`);
    }
    for (const each of absent(0)) lines.push(`neigh del ${each} dev ib0`);
  }
  await must(["ip", "-n", host.namespace, "-batch", "-"], {
    stdin: [...lines, ...more, ""].join("\n"),
  });
}

labTest(
  "Notifications that were lost leave tables that agree",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    await a.ip("route", "add", "10.10.0.0/16", "dev", "ib0");
    assert(await a.reaches(b));
    assertEquals((await listeners(a)).lost, 0);

    // What the process knows goes while it sleeps, and what it must know comes last.
    a.daemon.kill("SIGSTOP");
    await change(
      a,
      `neigh del ${b.address} dev ib0`,
      `neigh replace ${c.address} dev ib0 nud permanent`,
    );
    assertGreater((await listeners(a)).lost, 0);
    a.daemon.kill("SIGCONT");
    await until(
      "everything was read",
      async () => (await listeners(a)).waiting === 0,
    );
    assert(await a.reaches(c));
    assertEquals((await kernelNeighbours(a)).get(c.address), "PERMANENT");
    assert(await a.reaches(b));
    assertEquals(await agreement(a), [b.address, c.address]);

    using sender = UdpSocket.open(a, PORT);
    for (let round = 0; round < SWEEP_ROUNDS; round++) {
      for (const each of absent(round)) {
        sender.send(each, PORT, new Uint8Array(8));
      }
      if (round < SWEEP_ROUNDS - 1) await a.ip("neigh", "flush", "dev", "ib0");
    }
    // The last ones fail by themselves.
    await until(
      "nobody is asked for any more",
      async () =>
        ![...(await kernelNeighbours(a)).values()].includes("INCOMPLETE"),
    );
    for (const host of [b, c]) assert(await a.reaches(host));
    assertEquals(await agreement(a), [b.address, c.address]);
    await a.ip("neigh", "flush", "dev", "ib0");
  },
);
