/** Start and end of the process: in the background, by signals, by deletion of the device. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { openNamespace } from "../../src/system/namespace.ts";
import {
  labTest,
  must,
  namesIn,
  pause,
  runs,
  socketsIn,
  until,
} from "./harness/mod.ts";

labTest(
  "up --background returns when the interface is ready, and down ends the process",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    for (const host of [a, b]) {
      const up = await host.ipoib("up", "ib0", "--hca", "soft", "--background");
      assertEquals([up.code, up.stdout], [0, ""]);
      assert(!/error|warning/.test(up.stderr), up.stderr);
    }
    const [link] = await a.show<{ operstate: string; pid: number }[]>(
      "link",
      "show",
    );
    assertEquals(link!.operstate, "UP");
    const { pid } = await b.link();
    // The process continues without its parent, and logs to a file.
    for (const host of [a, b]) {
      await host.ip("addr", "add", `${host.address}/24`, "dev", "ib0");
      await host.ip("link", "set", "ib0", "down");
      await until(
        "the interface to be down",
        async () => (await host.link()).state !== "running",
      );
      await host.ip("link", "set", "ib0", "up");
      await host.call("wait", {});
    }
    await until("the hosts to reach each other", () => a.reaches(b));
    const log = await Deno.readTextFile(a.logFile);
    assertStringIncludes(log, "administratively down");
    // The process is a session leader: it does not receive Ctrl-C of the terminal.
    const session = await must(["ps", "-o", "sid=", "-p", String(pid)]);
    assertEquals(session.trim(), String(pid));
    for (const host of [a, b]) {
      const down = await host.ipoib("down", "ib0");
      assertEquals([down.code, down.stderr], [0, ""]);
      assertEquals(await host.hasDevice("ib0"), false);
      assertEquals(socketsIn(host.sockets), []);
    }
    await until("the end of the process", () => !runs(pid));
    // The logs remain; the directories of the namespaces have been removed.
    assertStringIncludes(await Deno.readTextFile(b.logFile), "deleted");
    assertEquals(namesIn(`${lab.runtime}/netns`), []);
    assertEquals(namesIn(`${lab.runtime}/subnet/default`), ["manager.lock"]);
  },
);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  labTest(
    `Two ${signal} signals end the process and remove its device and sockets`,
    async (lab) => {
      const hosts = await lab.running(2);
      for (const { daemon } of hosts) {
        daemon.kill(signal);
        daemon.kill(signal);
      }
      for (const host of hosts) {
        assertEquals(await host.daemon.exit(), 0);
        assertEquals(await host.hasDevice("ib0"), false);
        assertEquals(socketsIn(host.sockets), []);
      }
      assertEquals(socketsIn(`${lab.runtime}/subnet/default`), []);
    },
  );
}

labTest(
  "Deletion of the device ends the process",
  async (lab) => {
    const [a] = await lab.running(1);
    await a.ip("link", "del", "ib0");
    assertEquals(await a.daemon.exit(), 0);
    assertEquals(socketsIn(a.sockets), []);
  },
);

labTest("up --background prints the reason if it fails", async (lab) => {
  const [a, b] = await lab.hosts(2);
  await a.up();
  const up = await b.ipoib(
    ...["up", "ib0", "--hca", "soft", "--background"],
    ...["--subnet-mtu", "4096"],
  );
  assertEquals(up.code, 2);
  assertMatch(up.stderr, /^ipoib: .*4096/m);
  assertEquals(await b.hasDevice("ib0"), false);
});

labTest(
  "up waits until the kernel has removed the TAP device of a killed process",
  async (lab) => {
    const [a] = await lab.hosts(1);
    using namespace = openNamespace(a.namespace);
    const left = openTap({ name: "ib0", netns: namespace.number });
    const daemon = await a.up({ wait: false });
    await until(
      "the control socket",
      () => daemon.ended || socketsIn(a.sockets).length > 0,
    );
    await pause(500);
    left.close();
    await a.ready();
    daemon.kill("SIGTERM");
    assertEquals(await daemon.exit(), 0);
    // A device that remains belongs to another program.
    using _stays = openTap({ name: "ib0", netns: namespace.number });
    const refused = await a.ipoib("up", "ib0", "--hca", "soft");
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.stderr, "the name is taken");
  },
);
