/** Several interfaces in one process: start, and end one by one or together. */

import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { probeVerbs } from "../../src/hca/verbs/probe.ts";
import {
  type Host,
  labTest,
  type Program,
  runs,
  socketsIn,
  until,
} from "./harness/mod.ts";

interface Link {
  operstate: string;
  pid: number;
  hca: { lid: number };
}

const BOTH = ["up", "ib0", "ib1", "--hca", "soft"];

function start(host: Host, ...words: string[]): Program {
  return host.lab.start([...programCommand(), ...words, "-n", host.namespace]);
}

async function link(host: Host, name: string): Promise<Link> {
  return (await host.show<Link[]>("link", "show", name))[0]!;
}

for (const threads of ["1", "2"]) {
  labTest(
    `ipoib up ib0 ib1 --threads ${threads} creates two interfaces in one process; down of one does not stop the other`,
    async (lab) => {
      const [a, b] = await lab.hosts(2);
      const up = await a.ipoib(...BOTH, "--threads", threads, "--background");
      assertEquals([up.code, up.stdout], [0, ""]);
      await b.up();
      const [ib0, ib1] = [await link(a, "ib0"), await link(a, "ib1")];
      assertEquals([ib0.operstate, ib1.operstate], ["UP", "UP"]);
      assertEquals(ib0.pid, ib1.pid);
      assertNotEquals(ib0.hca.lid, ib1.hca.lid);
      const which = await a.ipoib("link", "set", "up");
      assertEquals(which.code, 1);
      assertStringIncludes(which.stderr, "ib0, ib1");

      await a.ip("addr", "add", "10.9.0.100/24", "dev", "ib0");
      await a.ip("addr", "add", "10.8.0.100/24", "dev", "ib1");
      await b.ip("addr", "add", "10.8.0.1/24", "dev", "ib0");
      for (const address of ["10.9.0.100", "10.8.0.100"]) {
        await until(`a reply of ${address}`, () => b.reaches(address));
      }
      const child = await a.ipoib(
        "child",
        "create",
        "0x8001",
        "--parent",
        "ib1",
      );
      assertEquals([child.code, child.stdout], [0, "ib1.8001\n"]);

      assertEquals((await a.ipoib("down", "ib0")).code, 0);
      assertEquals(await a.hasDevice("ib0"), false);
      assertEquals(socketsIn(a.sockets), ["ib1.8001.sock", "ib1.sock"]);
      assertEquals(await b.ping("10.8.0.100"), { sent: 5, received: 5 });
      const remaining = await link(a, "ib1");
      assertEquals([remaining.pid, remaining.hca.lid], [ib1.pid, ib1.hca.lid]);

      // The name is free for another process.
      await a.up();
      assertNotEquals((await link(a, "ib0")).pid, ib1.pid);

      assertEquals((await a.ipoib("down", "ib1")).code, 0);
      await until("the end of the process", () => !runs(ib1.pid));
      assertEquals(await a.hasDevice("ib1"), false);
      assertEquals(socketsIn(a.sockets), ["ib0.sock"]);
    },
  );
}

labTest(
  "Another interface of the same process takes over the subnet manager",
  async (lab) => {
    const [a] = await lab.hosts(1);
    assertEquals((await a.ipoib(...BOTH, "--background")).code, 0);
    const { pid, hca } = await link(a, "ib1");
    // During the takeover no manager replies.
    const manager = async () => {
      const { code, stdout } = await a.ipoib("-j", "subnet", "show");
      return code === 0 && JSON.parse(stdout)[0].manager;
    };
    assertEquals((await a.ipoib("down", "ib0")).code, 0);
    const { name } = await until("ib1 to take over", async () => {
      const now = await manager();
      return now.pid === pid && now;
    });
    assertEquals(name, "ib1");
    assertEquals((await link(a, "ib1")).hca.lid, hca.lid);
  },
);

labTest(
  "A signal stops both interfaces; the service manager is notified once",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const path = `${lab.runtime}/notify`;
    const manager = lab.start(["socat", "-u", `UNIX-RECV:${path}`, "STDOUT"]);
    await until(
      "the service manager to listen",
      () => Deno.stat(path).then(() => true, () => false),
    );
    const both = lab.start([
      ...["env", `NOTIFY_SOCKET=${path}`, ...programCommand()],
      ...[...BOTH, "-n", a.namespace],
    ]);
    await manager.prints(/READY=1/);
    for (const name of ["ib0", "ib1"]) {
      assertEquals((await link(a, name)).operstate, "UP");
    }
    both.kill("SIGTERM");
    both.kill("SIGTERM");
    assertEquals(await both.exit(), 0);
    await manager.prints(/STOPPING=1/);
    // The manager keeps the devices too: each in a message with FDSTORE.
    const states = manager.output.match(/READY=1|STOPPING=1/g);
    assertEquals(states, ["READY=1", "STOPPING=1"]);
    // It closes them when the service has ended.
    manager.kill("SIGTERM");
    await manager.exit();
    for (const name of ["ib0", "ib1"]) {
      assertEquals(await a.hasDevice(name), false);
    }
    assertEquals(socketsIn(a.sockets), []);
  },
);

labTest(
  "up with a name in use fails and creates no interface",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const other = start(a, "up", "ib1", "--hca", "soft");
    await other.prints(/ib1: running/);
    for (const more of [[], ["--background"]]) {
      const both = await a.ipoib(...BOTH, ...more);
      assertEquals(both.code, 2);
      assertMatch(both.stderr, /^ipoib: ib1 is already running/m);
      assertEquals(await a.hasDevice("ib0"), false);
      assertEquals(socketsIn(a.sockets), ["ib1.sock"]);
    }
    assertEquals((await link(a, "ib1")).operstate, "UP");

    // A device of another program is detected later, after the first interface has been created.
    await a.ip("link", "add", "ib3", "type", "veth", "peer", "peer");
    const both = await a.ipoib("up", "ib2", "ib3", "--hca", "soft");
    assertEquals(both.code, 2);
    assertMatch(both.stderr, /^ipoib: .*ib3/m);
    assertEquals(await a.hasDevice("ib2"), false);
    assertEquals(await a.hasDevice("ib3"), true);
    assertEquals(socketsIn(a.sockets), ["ib1.sock"]);
  },
);

labTest(
  "Deletion of a device stops only its interface",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const both = start(a, ...BOTH);
    await both.prints(/ib0: running/);
    await both.prints(/ib1: running/);
    await a.ip("link", "del", "ib0");
    await until(
      "the end of ib0",
      () => socketsIn(a.sockets).join() === "ib1.sock",
    );
    assertEquals((await link(a, "ib1")).operstate, "UP");
    await a.ip("link", "del", "ib1");
    assertEquals(await both.exit(), 0);
    assertEquals(socketsIn(a.sockets), []);
  },
);

labTest("up refuses one GUID for two interfaces", async (lab) => {
  const [a] = await lab.hosts(1);
  const { code, stderr } = await a.ipoib(...BOTH, "--guid", "0x2");
  assertEquals(code, 2);
  assertMatch(stderr, /^ipoib: One GUID cannot be assigned to 2 interfaces/);
});

const { devices } = probeVerbs();

labTest(
  devices.length === 0
    ? "Without an InfiniBand device, ipoib up reports that and creates ib0 on the embedded subnet"
    : `The embedded subnet without an InfiniBand device (skipped: this host has ${devices})`,
  async (lab) => {
    const [a] = await lab.hosts(1);
    const up = start(a, "up");
    await up.prints(/ib0: running/);
    assertMatch(
      up.output,
      /^\S+ No InfiniBand device on this host: using the embedded subnet "default"\n/,
    );
    assertEquals(socketsIn(a.sockets), ["ib0.sock"]);
  },
  { ignore: devices.length > 0 },
);
