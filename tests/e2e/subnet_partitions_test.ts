/** partitions.conf: P_Key tables, reload, errors, and takeover by another manager. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  GUIDS,
  type Host,
  type Lab,
  labTest,
  managerPid,
  startPartitions,
  until,
} from "./harness/mod.ts";

const ALL = "Default=0x7fff, ipoib : ALL=full ;\n";
const LAB = `${ALL}lab=0x0005, ipoib : ALL=full ;\n`;

interface Shown {
  ports: { guid: string; pkeys: number[] }[];
  partitions: { name: string; pkey: number }[];
}

async function show(lab: Lab): Promise<Shown> {
  const { stdout, stderr } = await lab.ipoib("-j", "subnet", "show");
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout)[0];
}

async function pkeys(lab: Lab): Promise<number[]> {
  const { partitions } = await show(lab);
  return partitions.map(({ pkey }) => pkey).sort((a, b) => a - b);
}

async function up(hosts: readonly Host[]): Promise<void> {
  await Promise.all(
    hosts.map((host, i) => host.up({ args: ["--guid", GUIDS[i]!] })),
  );
}

labTest(
  "A manager that takes over keeps the partitions; a new subnet has the built-in ones",
  async (lab) => {
    const [manager] = await startPartitions(lab, LAB);
    const hosts = await lab.hosts(2);
    const [a, b] = hosts;
    await up(hosts);
    assertEquals(await pkeys(lab), [5, 0x7fff]);
    assertEquals((await show(lab)).ports.map((port) => port.pkeys), [
      [0xffff, 0x8005],
      [0xffff, 0x8005],
    ]);
    assertEquals((await a.ping(b)).received, 5);

    manager.kill("SIGKILL");
    await manager.exit();
    await until("one of the hosts to take over", async () => {
      const pid = await managerPid(lab);
      return pid === a.daemon.pid || pid === b.daemon.pid;
    });
    assertEquals(await pkeys(lab), [5, 0x7fff]);

    for (const host of hosts) {
      assertEquals((await host.ipoib("down", "ib0")).code, 0);
      await host.daemon.exit();
    }
    await a.up();
    assertEquals(await pkeys(lab), [1, 2, 0x7fff]);
  },
);

labTest(
  "subnet run reports the position of an error in partitions.conf, and a missing file",
  async (lab) => {
    const file = `${lab.runtime}/bad.conf`;
    await Deno.writeTextFile(file, `${ALL}lab=0x0005 ALL ;\n`);
    const outcome = await lab.ipoib("subnet", "run", "--partitions", file);
    assertEquals(outcome.code, 2);
    assertMatch(outcome.stderr, /bad\.conf:2:\d+: .*expected/);
    const missing = await lab.ipoib(
      "subnet",
      "run",
      "--partitions",
      "/nowhere",
    );
    assertEquals(missing.code, 2);
    assertStringIncludes(missing.stderr, 'Cannot open "/nowhere"');
  },
);

labTest(
  "A reload changes the P_Key tables of running interfaces; an error in the file changes nothing",
  async (lab) => {
    const [manager, file] = await startPartitions(lab, ALL);
    const hosts = await lab.hosts(2);
    const [a, b] = hosts;
    await up(hosts);
    assertEquals(await pkeys(lab), [0x7fff]);

    const other = `${lab.runtime}/other.conf`;
    await Deno.writeTextFile(other, LAB);
    const reload = await lab.ipoib("subnet", "reload", "--partitions", other);
    assertEquals([reload.code, reload.stderr], [0, ""]);
    assertEquals(
      reload.stdout,
      `2 partitions from ${other}; P_Key tables changed on 2 ports\n`,
    );
    assertEquals((await show(lab)).ports.map((port) => port.pkeys), [
      [0xffff, 0x8005],
      [0xffff, 0x8005],
    ]);
    for (const host of hosts) {
      assertEquals((await host.ipoib("child", "create", "0x8005")).code, 0);
      await host.ip("link", "set", "ib0.8005", "up");
      await host.call("wait", { name: "ib0.8005" });
    }

    await Deno.writeTextFile(other, "Default=0x7fff ALL ;");
    const wrong = await lab.ipoib("subnet", "reload");
    assertEquals(wrong.code, 2);
    assertMatch(wrong.stderr, /other\.conf:1:\d+/);
    manager.kill("SIGHUP");
    await manager.prints(/other\.conf:1:\d+/);
    assertEquals(await pkeys(lab), [5, 0x7fff]);

    await Deno.writeTextFile(other, ALL);
    manager.kill("SIGHUP");
    await until(
      "the removal of the partition",
      async () => (await pkeys(lab)).length === 1,
    );
    await until(
      "the children to wait for their P_Key",
      async () => (await a.link("ib0.8005")).state !== "running",
    );
    assertEquals((await a.ping(b)).received, 5);
    assertEquals(await Deno.readTextFile(file), ALL);
  },
);
