/** An address that two hosts use, and simultaneous ARP probes for one address. */

import { assert, assertEquals } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { ArpOperation } from "../../src/wire/arp.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  ArpSocket,
  type Host,
  labTest,
  linkAddress,
  ownNeighbours,
  pause,
  Pings,
  until,
} from "./harness/mod.ts";

const SHARED = "10.9.0.200";
/** A new address is announced twice, 2 s apart. Milliseconds at normal machine speed after which both are sent. */
const ANNOUNCED_MS = 2500;

/** Returns how often the host has logged that `other` also uses the address. */
async function conflictWarnings(host: Host, other: Host): Promise<number> {
  const message = `${SHARED} is also used by ${await linkAddress(other)}`;
  return host.daemon.output.split(message).length - 1;
}

async function addAddress(host: Host): Promise<void> {
  await host.ip("addr", "add", `${SHARED}/24`, "dev", "ib0");
}

/**
 * Removes and adds the address, and waits until both announcements are sent. An announcement that follows one of
 * another host within a second changes no neighbour entry, so the next host must not announce earlier.
 */
async function announce(host: Host): Promise<void> {
  await host.ip("addr", "del", `${SHARED}/24`, "dev", "ib0");
  await addAddress(host);
  await pause(patient(ANNOUNCED_MS));
}

labTest(
  "Two hosts with the same address log the conflict once each, and the last to announce it receives the traffic",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    await Promise.all([b, c].map(addAddress));
    await pause(patient(ANNOUNCED_MS));
    await using pings = await Pings.start(a, SHARED, { interval: 0.05 });
    for (const [host, other] of [[b, c], [c, b]] as const) {
      await until(
        "the log message of the conflict",
        async () => await conflictWarnings(host, other) > 0,
      );
    }
    for (const host of [c, b]) {
      await announce(host);
      const address = await linkAddress(host);
      await until(
        "the new link-layer address",
        async () => (await ownNeighbours(a)).get(SHARED) === address,
      );
      await pings.next();
    }
    for (const [host, other] of [[b, c], [c, b]] as const) {
      assertEquals(await conflictWarnings(host, other), 1);
      assert(!host.daemon.ended);
      assert(await a.reaches(host));
    }
  },
);

labTest(
  "Simultaneous ARP probes of two hosts for one address are both answered",
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
        const replies = await until("an ARP reply", () => {
          const received = socket.receive().filter(({ operation }) =>
            operation === ArpOperation.Reply
          );
          return received.length > 0 && received;
        });
        assertEquals(replies, [{
          operation: ArpOperation.Reply,
          senderIp: held,
          targetIp: 0,
        }]);
      }
    }
  },
);
