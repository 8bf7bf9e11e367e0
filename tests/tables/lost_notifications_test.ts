/** Changes that overflow the netlink receive buffers: neighbours and next hops become consistent again. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  agreedNeighbours,
  type Host,
  kernelNeighbours,
  labTest,
  must,
  UdpSocket,
  until,
} from "../e2e/harness/mod.ts";

import {
  type Gateway6,
  gateways6,
  NETWORK6,
  replying,
} from "../e2e/harness/gateways6.ts";

const PORT = 7002;
/** Addresses per round. Small, because all namespaces share the kernel's table. */
const ABSENT = 200;
/** Rounds that overflow a receive buffer of 1 MiB. Each round adds and deletes all addresses. */
const CHANGE_ROUNDS = 20;
const SWEEP_ROUNDS = 10;

/** Returns the unread bytes of all netlink sockets of the namespace, and the number of sockets that lost messages. */
async function netlinkQueues(
  host: Host,
): Promise<{ unread: number; lost: number }> {
  const text = await host.must("cat", "/proc/net/netlink");
  const [head, ...rows] = text.trim().split("\n").map((line) =>
    line.trim().split(/\s+/)
  );
  const column = (name: string) =>
    rows.map((row) => Number(row[head!.indexOf(name)]));
  return {
    unread: column("Rmem").reduce((total, each) => total + each, 0),
    lost: column("Drops").filter((each) => each > 0).length,
  };
}

/** Returns addresses that no host has, different ones for each round. */
function absent(round: number): string[] {
  return Array.from({ length: ABSENT }, (_, i) => `10.10.${round}.${i + 1}`);
}

/** Runs the lines of `ip -batch` for enough rounds to overflow the receive buffer of a stopped process, then `more`. */
async function change(
  host: Host,
  round: readonly string[],
  ...more: string[]
): Promise<void> {
  const lines = Array.from({ length: CHANGE_ROUNDS }, () => round).flat();
  await must(["ip", "-n", host.namespace, "-batch", "-"], {
    stdin: [...lines, ...more, ""].join("\n"),
  });
}

/** Returns the lines that create and delete the kernel's entries of neighbours. */
function entriesOf(addresses: readonly string[]): string[] {
  return [
    ...addresses.map((each) => `neigh replace ${each} dev ib0 nud reachable`),
    ...addresses.map((each) => `neigh del ${each} dev ib0`),
  ];
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
      entriesOf(absent(0)),
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

labTest(
  "IPv6 next hops and neighbours are correct after lost netlink notifications",
  async (lab) => {
    const { from, first, second } = await gateways6(lab, [
      "--next-hops",
      "routes",
    ]);
    const via = ({ global }: Gateway6) =>
      `route replace ${NETWORK6} via ${global} dev ib0`;
    await from.ip("-6", ...via(first).split(" "));
    assertEquals(await replying(from), "first");
    assert(await from.reaches(second.global));
    assertEquals((await netlinkQueues(from)).lost, 0);

    from.daemon.kill("SIGSTOP");
    const numbers = Array.from({ length: ABSENT }, (_, i) => i.toString(16));
    await change(
      from,
      [
        ...entriesOf(numbers.map((each) => `fd06::1:${each}`)),
        ...["add", "del"].flatMap((verb) =>
          numbers.map((each) =>
            `route ${verb} fd30::${each} via ${first.global}`
          )
        ),
      ],
      `neigh del ${first.global} dev ib0`,
      via(second),
    );
    // The socket for neighbours, and that for all other events.
    assertEquals((await netlinkQueues(from)).lost, 2);
    from.daemon.kill("SIGCONT");
    await until(
      "the second gateway to reply",
      async () => await replying(from) === "second",
    );
    await until(
      "all notifications to be read",
      async () => (await netlinkQueues(from)).unread === 0,
    );
    const known = await agreedNeighbours(from, 6);
    assert(known.includes(second.global), known.join());

    await from.ip("-6", ...via(first).split(" "));
    await until(
      "the first gateway to reply",
      async () => await replying(from) === "first",
    );
  },
);
