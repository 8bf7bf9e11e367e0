/** Neighbour changes that overflow the netlink receive buffer: both tables become consistent again. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  agreedNeighbours,
  type Host,
  kernelNeighbours,
  labTest,
  must,
  UdpSocket,
  until,
} from "./harness/mod.ts";

const PORT = 7002;
/** Addresses per round. Small, because all namespaces share the kernel's table. */
const ABSENT = 200;
/** Rounds that overflow a receive buffer of 1 MiB. Each round adds and deletes all addresses. */
const CHANGE_ROUNDS = 20;
const SWEEP_ROUNDS = 10;

/** Returns the unread bytes and the lost messages of all netlink sockets of the namespace. */
async function netlinkQueues(
  host: Host,
): Promise<{ unread: number; lost: number }> {
  const text = await host.must("cat", "/proc/net/netlink");
  const [head, ...rows] = text.trim().split("\n").map((line) =>
    line.trim().split(/\s+/)
  );
  const sum = (name: string) =>
    rows.reduce((total, row) => total + Number(row[head!.indexOf(name)]), 0);
  return { unread: sum("Rmem"), lost: sum("Drops") };
}

/** Returns addresses that no host has, different ones for each round. */
function absent(round: number): string[] {
  return Array.from({ length: ABSENT }, (_, i) => `10.10.${round}.${i + 1}`);
}

/**
 * Creates and deletes enough entries to overflow the receive buffer of a stopped process, and then runs the lines `more`
 * of `ip -batch`.
 */
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
  "The neighbour tables become consistent after lost netlink notifications",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    await a.ip("route", "add", "10.10.0.0/16", "dev", "ib0");
    assert(await a.reaches(b));
    assertEquals((await netlinkQueues(a)).lost, 0);

    // While the process is stopped, its known neighbour is deleted, and then a new entry is added.
    a.daemon.kill("SIGSTOP");
    await change(
      a,
      `neigh del ${b.address} dev ib0`,
      `neigh replace ${c.address} dev ib0 nud permanent`,
    );
    assertGreater((await netlinkQueues(a)).lost, 0);
    a.daemon.kill("SIGCONT");
    await until(
      "all notifications to be read",
      async () => (await netlinkQueues(a)).unread === 0,
    );
    assert(await a.reaches(c));
    assertEquals((await kernelNeighbours(a)).get(c.address), "PERMANENT");
    assert(await a.reaches(b));
    assertEquals(await agreedNeighbours(a), [b.address, c.address]);

    using sender = UdpSocket.open(a, PORT);
    for (let round = 0; round < SWEEP_ROUNDS; round++) {
      for (const each of absent(round)) {
        sender.send(each, PORT, new Uint8Array(8));
      }
      if (round < SWEEP_ROUNDS - 1) await a.ip("neigh", "flush", "dev", "ib0");
    }
    // The last entries are not flushed: their resolution fails.
    await until(
      "the end of address resolution",
      async () =>
        ![...(await kernelNeighbours(a)).values()].includes("INCOMPLETE"),
    );
    for (const host of [b, c]) assert(await a.reaches(host));
    assertEquals(await agreedNeighbours(a), [b.address, c.address]);
    await a.ip("neigh", "flush", "dev", "ib0");
  },
);
