/** End of an interface during traffic: by `down`, by SIGKILL, and of all processes at once. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  exists,
  type Host,
  iperfServer,
  iperfStream,
  labTest,
  until,
} from "./harness/mod.ts";

/** Starts a TCP stream that lasts longer than the test. */
async function stream(from: Host, to: Host) {
  await iperfServer(to);
  return await iperfStream(from, to);
}

labTest(
  "ipoib down during traffic removes the device and the socket, and the host is reachable after its return",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    // Host a hosts the subnet manager.
    await a.up();
    await b.up();
    const before = (await b.link()).address;
    await using client = await stream(a, b);
    const { daemon } = b;
    const down = await b.ipoib("down", "ib0");
    assertEquals([down.code, down.stdout, down.stderr], [0, "", ""]);
    assertEquals(await b.hasDevice("ib0"), false);
    assertEquals(exists(`${b.sockets}/ib0.sock`), false);
    assertEquals(await daemon.exit(), 0);
    assertEquals((await a.link()).state, "running");
    client.kill("SIGKILL");

    // The host returns with another QPN and GID, so that no part of the old neighbour entry is valid.
    await b.up({ args: ["--guid", "0x0200000000000b0b"] });
    assert((await b.link()).address !== before);
    await until(
      "the resolution of the new address",
      () => a.reaches(b),
      10_000,
    );
    const [neighbour] = await a.call("neigh.show", { name: "ib0" });
    assertEquals(neighbour!.lladdr, (await b.link()).address);
    assertEquals(await b.ping(a), { sent: 5, received: 5 });
  },
);

labTest(
  "SIGKILL of the receiver during traffic frees the slots that it held, and TCP resumes after its restart",
  async (lab) => {
    const [a, b, c] = await lab.hosts(3);
    await a.up();
    await Promise.all([b.up(), c.up()]);
    const client = await stream(a, b);
    const lost = (await a.counters())["port_links_lost"]!;
    b.daemon.kill("SIGKILL");
    await b.daemon.exit();
    await until(
      "the loss of the link",
      async () => (await a.counters())["port_links_lost"]! > lost,
    );
    // The slots that b held are free for a third host. One ping resolves its address: the queue for an unresolved
    // neighbour holds three packets.
    assert(await a.reaches(c));
    assertEquals(
      await a.ping(c, { count: 50, interval: 0.005, size: 6000 }),
      { sent: 50, received: 50 },
    );
    await b.up();
    await until("the host to return", () => a.reaches(b), 10_000);
    // The same connection resumes with the next TCP retransmission.
    const before = client.output.length;
    await until(
      "the traffic to resume",
      () => / [1-9][\d.]* +\w?bits\/sec/i.test(client.output.slice(before)),
    );
    assertEquals(client.ended, false);
  },
);

labTest(
  "All interfaces start again with the stale files of killed processes",
  async (lab) => {
    const hosts = await lab.running(3);
    const [a, b] = hosts;
    const child = await a.ipoib("child", "create", "0x8001");
    assertEquals(child.stdout, "ib0.8001\n");
    for (const { daemon } of hosts) daemon.kill("SIGKILL");
    for (const { daemon } of hosts) await daemon.exit();
    assert(exists(`${a.sockets}/ib0.sock`));
    assert(exists(`${lab.runtime}/subnet/default/sm.sock`));
    // A stale socket is treated like a missing one.
    assertEquals((await a.ipoib("link", "show", "ib0")).code, 3);
    await Promise.all(hosts.map((host) => host.up()));
    for (const from of hosts) {
      for (const to of hosts) {
        if (from !== to) assert(await from.reaches(to));
      }
    }
    assertEquals(exists(`${a.sockets}/ib0.8001.sock`), false);
    const { ports } = await b.call("subnet.show", {});
    assertGreater(ports.length, 2);
    assertEquals(
      ports.map((port) => port.pid).sort(),
      hosts.map(({ daemon }) => daemon.pid).sort(),
    );
  },
);
