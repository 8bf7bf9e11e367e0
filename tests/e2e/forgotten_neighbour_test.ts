/** Neighbours are forgotten under a TCP connection: it does not break, nor stand still, and the tables agree afterwards. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { MAX_NEIGHBOURS } from "../../src/ipoib/constants.ts";
import { ArpOperation } from "../../src/wire/arp.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  agreement,
  ArpSocket,
  type Host,
  labTest,
  pause,
  TcpFlow,
  until,
} from "./harness/mod.ts";

const PORT = 7001;
/** No connection may stand still for longer. */
const STALL_MS = 1000;
/** How often the neighbours are forgotten, and the pause in between. */
const TIMES = 25;
const PAUSE_MS = 30;

const WAYS: [string, (host: Host, peer: Host) => Promise<unknown>][] = [
  [
    "ip neigh flush",
    (host) => host.ip("neigh", "flush", "dev", "ib0"),
  ],
  [
    "ip neigh del",
    (host, peer) =>
      // It may be gone already.
      host.run(["ip", "neigh", "del", peer.address, "dev", "ib0"]),
  ],
  ["ipoib neigh flush", (host) => host.call("neigh.flush", { name: "ib0" })],
];

labTest(
  "Neighbours that are forgotten in a loop stop no TCP connection",
  async (lab) => {
    const [a, b] = await lab.running(2);
    for (const [i, [way, forget]] of WAYS.entries()) {
      // Each its own port: the last one's may still be taken.
      using flow = TcpFlow.open(a, b, PORT + i);
      for (let i = 0; i < TIMES; i++) {
        await Promise.all([forget(a, b), forget(b, a)]);
        await pause(PAUSE_MS);
      }
      const { received } = flow;
      await pause(PAUSE_MS);
      assertGreater(flow.received, received, way);
      assertLess(flow.stall, patient(STALL_MS), way);
      assertEquals(await agreement(a), [b.address], way);
      assertEquals(await agreement(b), [a.address], way);
    }
    assert(await a.reaches(b));
  },
);

labTest(
  "A neighbour that packets go to stays when the table is full",
  async (lab) => {
    const [a, b] = await lab.running(2);
    using flow = TcpFlow.open(a, b, PORT);
    const monitor = a.start("ip", "-o", "monitor", "neigh", "dev", "ib0");
    using requests = await ArpSocket.open(a);
    // Requests of another program leave the kernel without entries: its table is shared by all namespaces.
    const senderIp = IpAddress.parse(a.address)!.w3;
    const first = IpAddress.parse("10.9.1.0")!.w3;
    for (let i = 0; i < 2 * MAX_NEIGHBOURS; i++) {
      const arp = {
        operation: ArpOperation.Request,
        senderIp,
        targetIp: first + i,
      };
      while (!requests.send(arp)) await pause(1);
      if (i % 64 === 63) await pause(5);
    }
    await until(
      "others are evicted",
      async () => (await a.counters()).neighbours_evicted! > MAX_NEIGHBOURS / 2,
    );
    assertEquals(monitor.output.includes(`Deleted ${b.address} `), false);
    assertLess(flow.stall, patient(STALL_MS));
    assertEquals(await agreement(a), [b.address]);
    assert(await a.reaches(b));
  },
);
