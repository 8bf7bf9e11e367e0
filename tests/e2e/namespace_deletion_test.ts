/** The process of an interface ends with the network namespace of the interface. */

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

/** Checks that the process exits with 0, and that the interface, its sockets and its port are gone. */
async function assertEnded(host: Host, peer: Host): Promise<void> {
  assertEquals(await host.daemon.exit(), 0);
  assertEquals(await peer.reaches(host), false);
  assertEquals(exists(host.sockets) ? socketsIn(host.sockets) : [], []);
  const { ports } = await peer.call("subnet.show", {});
  assertEquals(ports.map(({ pid }) => pid), [peer.daemon.pid]);
}

async function pair(lab: Lab): Promise<[Host, Host]> {
  const [here, peer] = await lab.running(2);
  await until("the peer to reach the interface", () => peer.reaches(here));
  return [here, peer];
}

/** Starts `sleep` as the only process of a new network namespace. Returns its PID. */
async function soleProcess(lab: Lab): Promise<number> {
  const sleep = lab.start(["unshare", "-n", "sleep", "600"]);
  await sleep.becomes("sleep");
  return sleep.pid;
}

labTest(
  "ip netns del of the namespace of an interface ends its process",
  async (lab) => {
    const [here, peer] = await pair(lab);
    await must(["ip", "netns", "del", here.namespace]);
    await assertEnded(here, peer);
  },
);

labTest(
  "ip netns del ends the process of an interface that itself runs in the namespace",
  async (lab) => {
    const [here, peer] = await lab.hosts(2);
    await peer.up();
    await here.up({ command: here.inside(programCommand()) });
    await until("the peer to reach the interface", () => peer.reaches(here));
    await must(["ip", "netns", "del", here.namespace]);
    await assertEnded(here, peer);
  },
);

labTest(
  "An interface runs in a deleted namespace until the last other process in it ends",
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
  "An interface in an unnamed namespace ends with the only other process in it",
  async (lab) => {
    const [peer] = await lab.running(1);
    const pid = await soleProcess(lab);
    const daemon = lab.start([
      ...programCommand(),
      ...["up", "ib0", "--hca", "soft", "--netns", String(pid)],
    ]);
    const show = () => lab.ipoib("link", "show", "-n", String(pid));
    await until(
      "the interface to carry traffic",
      async () => (await show()).stdout.includes("state UP"),
    );
    const inside = ["nsenter", "-t", String(pid), "-n", "ip"];
    await must([...inside, "addr", "add", "10.9.0.99/24", "dev", "ib0"]);
    await until(
      "the peer to reach the interface",
      () => peer.reaches("10.9.0.99"),
    );
    Deno.kill(pid, "SIGKILL");
    assertEquals(await daemon.exit(), 0);
    assertEquals(await peer.reaches("10.9.0.99"), false);
  },
);

labTest(
  "Deletion of the namespace of a child removes the child and not its parent",
  async (lab) => {
    const [here] = await lab.running(1);
    const there = await lab.namespace();
    const made = await here.ipoib("child", "create", "0x8001");
    assertEquals(made.code, 0);
    await here.ip("link", "set", "ib0.8001", "netns", there);
    await until(
      "the child in its new namespace",
      async () =>
        (await lab.ipoib("link", "show", "ib0.8001", "-n", there)).code === 0,
    );
    await must(["ip", "netns", "del", there]);
    await until(
      "the removal of the child",
      async () => (await here.ipoib("child", "list")).stdout === "",
    );
    assertEquals((await here.link()).state, "running");
  },
);

labTest("down --pid stops all interfaces of a process", async (lab) => {
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

labTest(
  "down --pid ends a process whose control sockets were deleted",
  async (lab) => {
    const [here] = await lab.running(1);
    for (const name of socketsIn(here.sockets)) {
      await Deno.remove(`${here.sockets}/${name}`);
    }
    const down = await lab.ipoib("down", "--pid", String(here.daemon.pid));
    assertEquals([down.code, down.stderr], [0, ""]);
    assertEquals(await here.daemon.exit(), 0);
    assertEquals(await here.hasDevice("ib0"), false);
  },
);

labTest(
  "down --pid refuses a process of another program, and an additional interface name",
  async (lab) => {
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
  },
);
