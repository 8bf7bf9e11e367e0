/**
 * Neighbour entries are deleted during TCP traffic: the connection does not stall, and both neighbour tables stay
 * consistent.
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { readNeighbourLimit } from "../../src/netdev/rtnetlink/neighbour_limit.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { ArpOperation } from "../../src/wire/arp.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  agreedNeighbours,
  ArpSocket,
  type Host,
  labTest,
  pause,
  TcpFlow,
  until,
} from "./harness/mod.ts";

const PORT = 7001;
/** An address without a host. */
const UNUSED = "10.9.0.99";
/** Maximum stall of a connection at normal machine speed. */
const STALL_MS = 1000;
/** Number of deletions, and the pause after each. */
const TIMES = 25;
const PAUSE_MS = 30;

const METHODS: [string, (host: Host, peer: Host) => Promise<unknown>][] = [
  [
    "ip neigh flush",
    (host) => host.ip("neigh", "flush", "dev", "ib0"),
  ],
  [
    "ip neigh del",
    (host, peer) =>
      // The kernel may have deleted it already.
      host.run(["ip", "neigh", "del", peer.address, "dev", "ib0"]),
  ],
  ["ipoib neigh flush", (host) => host.call("neigh.flush", { name: "ib0" })],
];

labTest(
  "Repeated deletion of neighbour entries does not stall TCP",
  async (lab) => {
    const [a, b] = await lab.running(2);
    for (const [i, [method, deleteEntry]] of METHODS.entries()) {
      // A new port each time: the last one may still be in use.
      using flow = TcpFlow.open(a, b, PORT + i);
      for (let i = 0; i < TIMES; i++) {
        await Promise.all([deleteEntry(a, b), deleteEntry(b, a)]);
        await pause(PAUSE_MS);
      }
      const { received } = flow;
      await until(
        `progress of TCP after ${method}`,
        () => flow.received > received,
      );
      assertLess(flow.stallMs, patient(STALL_MS), method);
      await agreedNeighbours(a, 4, [b.address]);
      await agreedNeighbours(b, 4, [a.address]);
    }
    assert(await a.reaches(b));
  },
);

labTest(
  "A full neighbour table does not evict a neighbour with traffic",
  async (lab) => {
    const [a, b] = await lab.running(2);
    using flow = TcpFlow.open(a, b, PORT);
    const monitor = a.start("ip", "-o", "monitor", "neigh", "dev", "ib0");
    await until("the first line of the monitor", async () => {
      for (const verb of ["replace", "del"]) {
        await a.ip("neigh", verb, UNUSED, "dev", "ib0");
      }
      return monitor.output !== "";
    });
    using requests = await ArpSocket.open(a);
    // Requests from a packet socket create no kernel entries: all namespaces share the kernel's table.
    const senderIp = IpAddress.parse(a.address)!.w3;
    const first = IpAddress.parse("10.9.1.0")!.w3;
    using netlink = new RequestSocket();
    const limit = Math.max(1024, readNeighbourLimit(netlink)!);
    let count = 0;
    await until("the eviction of other neighbours", async () => {
      for (const end = count + limit / 8; count < end; count++) {
        const arp = {
          operation: ArpOperation.Request,
          senderIp,
          targetIp: first + count,
        };
        while (!requests.send(arp)) await pause(1);
        if (count % 64 === 63) await pause(5);
      }
      return (await a.counters()).neighbours_evicted! > limit / 4;
    });
    assertEquals(monitor.output.includes(`Deleted ${b.address} `), false);
    assertLess(flow.stallMs, patient(STALL_MS));
    await agreedNeighbours(a, 4, [b.address]);
    assert(await a.reaches(b));
  },
);
