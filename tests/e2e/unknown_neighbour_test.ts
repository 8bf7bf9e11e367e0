/** Datagrams to an unresolved neighbour. */

import { assertEquals } from "@std/assert";
import { type Host, labTest, UdpSocket, until } from "./harness/mod.ts";

const PORT = 7000;
const COUNT = 64;

/**
 * Sends a burst of datagrams and checks that each arrives unchanged. Their order may change while the kernel transmits
 * its queue for an unresolved neighbour, as on any device.
 */
async function burst(from: Host, to: Host, size: number): Promise<void> {
  using sender = UdpSocket.open(from, PORT);
  using receiver = UdpSocket.open(to, PORT);
  const sent = Array.from(
    { length: COUNT },
    (_, i) => new Uint8Array(size).fill(i),
  );
  for (const each of sent) sender.send(to.address, PORT, each);
  const received: Uint8Array[] = [];
  await until("all datagrams", () => {
    received.push(...receiver.receive());
    return received.length >= COUNT;
  }).catch(() => {});
  assertEquals(received.sort((one, other) => one[0]! - other[0]!), sent);
}

labTest(
  `A burst of ${COUNT} datagrams to an unresolved neighbour arrives completely`,
  async (lab) => {
    const [a, b] = await lab.running(2);
    const flush = (host: Host) => host.ip("neigh", "flush", "dev", "ib0");
    await burst(a, b, 20);
    for (const size of [20, 1000]) {
      await flush(a);
      await burst(a, b, size);
      assertEquals((await a.ipoib("neigh", "flush", "ib0")).code, 0);
      await burst(a, b, size);
      // Neither host has an entry for the other.
      await Promise.all([a, b].map(flush));
      await burst(a, b, size);
    }
    assertEquals((await a.link()).drops, {});
  },
);
