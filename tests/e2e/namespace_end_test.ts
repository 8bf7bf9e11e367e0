/** The namespace of an interface ends: its name is deleted, or the last process in it ends. */

import { assert, assertEquals } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import {
  exists,
  type Host,
  type Lab,
  labTest,
  must,
  pause,
  runs,
  socketsIn,
  until,
} from "./harness/mod.ts";

/** The process ended in order, and the peer gets no answer from the address any more. */
async function assertEnded(host: Host, peer: Host): Promise<void> {
  assertEquals(await host.daemon.exit(), 0);
  assertEquals(await peer.reaches(host), false);
  assertEquals(exists(host.sockets) ? socketsIn(host.sockets) : [], []);
  const { ports } = await peer.call("subnet.show", {});
  assertEquals(ports.map(({ pid }) => pid), [peer.daemon.pid]);
}

async function pair(lab: Lab): Promise<[Host, Host]> {
  const [here, peer] = await lab.running(2);
  await until("the peer reaches it", () => peer.reaches(here));
  return [here, peer];
}

/** Starts `sleep` as the one process of a namespace of its own; returns its PID. */
async function lonelyProcess(lab: Lab): Promise<number> {
  const sleep = lab.start(["unshare", "-n", "sleep", "600"]);
  await sleep.becomes("sleep");
  return sleep.pid;
}

labTest(
  "An interface ends when its namespace is deleted by name",
  async (lab) => {
    const [here, peer] = await pair(lab);
    await must(["ip", "netns", "del", here.namespace]);
    await assertEnded(here, peer);
  },
);

labTest(
  "An interface whose process runs in the namespace ends when that is deleted by name",
  async (lab) => {
    const [here, peer] = await lab.hosts(2);
    await peer.up();
    await here.up({ command: here.inside(programCommand()) });
    await until("the peer reaches it", () => peer.reaches(here));
    await must(["ip", "netns", "del", here.namespace]);
    await assertEnded(here, peer);
  },
);

labTest(
  "A deleted namespace that has a process goes on until that ends",
  async (lab) => {
    const [here, peer] = await pair(lab);
    const sleep = here.start("sleep", "600");
    await sleep.becomes("sleep");
    await must(["ip", "netns", "del", here.namespace]);
    await pause(3000);
    assert(await peer.reaches(here));
    const shown = await lab.ipoib("link", "show", "-n", String(sleep.pid));
    assertEquals(shown.code, 0);
    sleep.kill("SIGKILL");
    await assertEnded(here, peer);
  },
);

labTest(
  "An interface ends with the only process of its namespace",
  async (lab) => {
    const [peer] = await lab.running(1);
    const pid = await lonelyProcess(lab);
    const daemon = lab.start([
      ...programCommand(),
      ...["up", "ib0", "--hca", "soft", "--netns", String(pid)],
    ]);
    const show = () => lab.ipoib("link", "show", "-n", String(pid));
    await until(
      "it carries traffic",
      async () => (await show()).stdout.includes("state UP"),
    );
    const inside = ["nsenter", "-t", String(pid), "-n", "ip"];
    await must([...inside, "addr", "add", "10.9.0.99/24", "dev", "ib0"]);
    await until("the peer reaches it", () => peer.reaches("10.9.0.99"));
    Deno.kill(pid, "SIGKILL");
    assertEquals(await daemon.exit(), 0);
    assertEquals(await peer.reaches("10.9.0.99"), false);
  },
);

labTest(
  "A child whose namespace is deleted is removed, and its parent stays",
  async (lab) => {
    const [here] = await lab.running(1);
    const there = await lab.namespace();
    const made = await here.ipoib("child", "create", "0x8001");
    assertEquals(made.code, 0);
    await here.ip("link", "set", "ib0.8001", "netns", there);
    await until(
      "it is found where it is",
      async () =>
        (await lab.ipoib("link", "show", "ib0.8001", "-n", there)).code === 0,
    );
    await must(["ip", "netns", "del", there]);
    await until(
      "the child is removed",
      async () => (await here.ipoib("child", "list")).stdout === "",
    );
    assertEquals((await here.link()).state, "running");
  },
);

labTest("down --pid ends all interfaces of a process", async (lab) => {
  const [here, peer] = await lab.hosts(2);
  await peer.up();
  await here.up({ args: ["ib1"] });
  const { daemon } = here;
  const down = await lab.ipoib("down", "--pid", String(daemon.pid));
  assertEquals([down.code, down.stdout, down.stderr], [0, "", ""]);
  assert(!runs(daemon.pid));
  assertEquals(await daemon.exit(), 0);
  for (const name of ["ib0", "ib1"]) {
    assertEquals(await here.hasDevice(name), false);
  }
  assertEquals(socketsIn(here.sockets), []);
  assertEquals((await peer.link()).state, "running");
});

labTest("down --pid ends a process without its sockets", async (lab) => {
  const [here] = await lab.running(1);
  for (const name of socketsIn(here.sockets)) {
    await Deno.remove(`${here.sockets}/${name}`);
  }
  const down = await lab.ipoib("down", "--pid", String(here.daemon.pid));
  assertEquals([down.code, down.stderr], [0, ""]);
  assertEquals(await here.daemon.exit(), 0);
  assertEquals(await here.hasDevice("ib0"), false);
});

labTest("down --pid touches no other process", async (lab) => {
  const [here] = await lab.running(1);
  const sleep = lab.start(["sleep", "600"]);
  const other = await lab.ipoib("down", "--pid", String(sleep.pid));
  assertEquals([other.code, other.stdout], [3, ""]);
  assert(!sleep.ended);
  const both = await lab.ipoib(
    ...["down", "ib0", "--pid", String(here.daemon.pid)],
  );
  assertEquals(both.code, 1);
  assert(!here.daemon.ended);
});
