/** Ends of one side during traffic: in order, by kill -9, and of everybody. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  exists,
  type Host,
  iperfServer,
  labTest,
  until,
} from "./harness/mod.ts";

/** Starts a TCP stream that lasts longer than the test, and waits until it flows. */
async function stream(from: Host, to: Host) {
  await iperfServer(to);
  const client = from.start(
    ...["iperf3", "-c", to.address, "-t", "600", "-i", "0.2", "--forceflush"],
  );
  await client.says(/0\.40-.*bits\/sec/);
  return client;
}

labTest(
  "ipoib down during traffic takes everything along; its return is found",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    // The host that goes is not the one with the subnet manager.
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

    // It comes back with another QPN behind another GID, so that the neighbour's old entry is wrong in every part.
    await b.up({ args: ["--guid", "0x0200000000000b0b"] });
    assert((await b.link()).address !== before);
    await until("the new address is resolved", () => a.reaches(b), 10_000);
    const [neighbour] = await a.call("neigh.show", { name: "ib0" });
    assertEquals(neighbour!.lladdr, (await b.link()).address);
    assertEquals(await b.ping(a), { sent: 5, received: 5 });
  },
);

labTest(
  "kill -9 of one side during traffic: its slots come back, and so does it",
  async (lab) => {
    const [a, b, c] = await lab.hosts(3);
    await a.up();
    await Promise.all([b.up(), c.up()]);
    const client = await stream(a, b);
    const lost = (await a.counters())["port_links_lost"]!;
    b.daemon.kill("SIGKILL");
    await b.daemon.exit();
    await until(
      "the link is lost",
      async () => (await a.counters())["port_links_lost"]! > lost,
    );
    // Whatever b held is free again: a third host gets all of the slots. (Its first packets wait for its address,
    // three at most.)
    assert(await a.reaches(c));
    assertEquals(
      await a.ping(c, { count: 50, interval: 0.005, size: 6000 }),
      { sent: 50, received: 50 },
    );
    await b.up();
    await until("the host is back", () => a.reaches(b), 10_000);
    // The very connection goes on, once TCP sends again.
    const said = client.output.length;
    await until(
      "traffic resumes",
      () => / [1-9][\d.]* +\w?bits\/sec/i.test(client.output.slice(said)),
    );
    assertEquals(client.ended, false);
  },
);

labTest(
  "Everything killed -9 starts again on the stale folder",
  async (lab) => {
    const hosts = await lab.running(3);
    const [a, b] = hosts;
    const child = await a.ipoib("child", "create", "0x8001");
    assertEquals(child.stdout, "ib0.8001\n");
    for (const { daemon } of hosts) daemon.kill("SIGKILL");
    for (const { daemon } of hosts) await daemon.exit();
    assert(exists(`${a.sockets}/ib0.sock`));
    assert(exists(`${lab.runtime}/subnet/default/sm.sock`));
    // A dead socket is as good as none.
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
