/** One address on two hosts, and two hosts that ask for one address at once. */

import { assert, assertEquals } from "@std/assert";
import { ArpOperation } from "../../src/wire/arp.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  ArpSocket,
  type Host,
  labTest,
  linkAddress,
  ownNeighbours,
  Pings,
  until,
} from "./harness/mod.ts";

const SHARED = "10.9.0.200";
/** A new address is announced this often. */
const ANNOUNCEMENTS = 2;

/** How often the host has said that the address is also used by the other. */
async function complaints(host: Host, other: Host): Promise<number> {
  const sentence = `${SHARED} is also used by ${await linkAddress(other)}`;
  return host.daemon.output.split(sentence).length - 1;
}

async function take(host: Host): Promise<void> {
  await host.ip("addr", "add", `${SHARED}/24`, "dev", "ib0");
}

/** Takes the address anew, and waits until it was announced. */
async function announce(host: Host): Promise<void> {
  await host.ip("addr", "del", `${SHARED}/24`, "dev", "ib0");
  const before = (await host.counters())["arp_sent"]!;
  await take(host);
  await until(
    "it was announced",
    async () => (await host.counters())["arp_sent"]! >= before + ANNOUNCEMENTS,
  );
}

labTest(
  "An address of two hosts is told once by each, and leads to who announced it last",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    await Promise.all([b, c].map(take));
    await using pings = await Pings.start(a, SHARED, { interval: 0.05 });
    for (const [host, other] of [[b, c], [c, b]] as const) {
      await until(
        "the conflict is told",
        async () => await complaints(host, other) > 0,
      );
    }
    for (const host of [c, b]) {
      await announce(host);
      const address = await linkAddress(host);
      await until(
        "the address leads there",
        async () => (await ownNeighbours(a)).get(SHARED) === address,
      );
      await pings.next();
    }
    for (const [host, other] of [[b, c], [c, b]] as const) {
      assertEquals(await complaints(host, other), 1);
      assert(!host.daemon.ended);
      assert(await a.reaches(host));
    }
  },
);

labTest(
  "Two hosts that probe an address at once, both without one, are both answered",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    using fromB = await ArpSocket.open(b);
    using fromC = await ArpSocket.open(c);
    const sockets = [fromB, fromC];
    const held = IpAddress.parse(a.address)!.w3;
    const probe = {
      operation: ArpOperation.Request,
      senderIp: 0,
      targetIp: held,
    };
    for (let round = 0; round < 10; round++) {
      for (const socket of sockets) assert(socket.send(probe));
      for (const socket of sockets) {
        const answers = await until("an answer", () => {
          const replies = socket.receive().filter(({ operation }) =>
            operation === ArpOperation.Reply
          );
          return replies.length > 0 && replies;
        });
        assertEquals(answers, [{
          operation: ArpOperation.Reply,
          senderIp: held,
          targetIp: 0,
        }]);
      }
    }
  },
);
