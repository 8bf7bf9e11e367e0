/** Configuration files: `ipoib up --config`, `showconf`, and settings that the kernel refuses. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { type Host, labTest, type Program, until } from "./harness/mod.ts";

/** Writes `ib0.conf` for a host. Returns its path. */
async function write(host: Host, text: string): Promise<string> {
  const folder = `${host.lab.runtime}/etc-${host.namespace}`;
  await Deno.mkdir(folder, { recursive: true });
  const path = `${folder}/ib0.conf`;
  await Deno.writeTextFile(path, text);
  return path;
}

/** Starts `ipoib up` with a configuration file. */
function start(host: Host, path: string): Program {
  host.daemon = host.start(...programCommand(), "up", "--config", path);
  return host.daemon;
}

async function showconf(host: Host): Promise<string> {
  const { code, stdout, stderr } = await host.ipoib("showconf", "ib0");
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

/** Waits until a child is up. */
async function untilUp(host: Host, child: string): Promise<void> {
  await until(
    `${child} to be up`,
    async () => (await host.ip("link", "show", child)).includes("state UP"),
  );
}

/** The output of a program without the parts that differ from one start to the next. */
async function addressesOf(host: Host): Promise<string[]> {
  const text = await host.ip("-br", "addr", "show");
  return text.trim().split("\n").map((line) =>
    line.replace(/ fe80::\S+/, "").split(/\s+/).join(" ").trim()
  );
}

labTest(
  "A file configures an interface, its children, addresses and routes before it is ready, and showconf gives the same again",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    const file = (host: number) =>
      `[Interface]
hca = soft
alias = rail one
umcast = 1
rx-usecs = 16
features = tso off
address = 10.9.7.${host}/24 brd +
address = fd00:7::${host}/64 nodad
route = 10.77.0.0/16 via 10.9.7.254 metric 7
route = default via fd00:7::fe

[Child]
pkey = 0x8001
mode = connected
mtu = 9000
address = 10.9.8.${host}/24

[Child]
name = blue
pkey = 0x0002
up = no
`;
    const first = start(a, await write(a, file(1)));
    start(b, await write(b, file(2)));
    await Promise.all([a.untilRunning(), b.untilRunning()]);
    assertMatch(first.output, /configuration .*ib0\.conf applied\n/);
    // The configuration does not wait for the join of a child.
    for (const host of [a, b]) await untilUp(host, "ib0.8001");
    assertEquals(await addressesOf(a), [
      "lo UNKNOWN 127.0.0.1/8 ::1/128",
      "ib0 UP 10.9.7.1/24 fd00:7::1/64",
      "ib0.8001 UP 10.9.8.1/24",
      "blue DOWN",
    ]);
    assertMatch(await a.ip("route"), /10\.77\.0\.0\/16 via 10\.9\.7\.254 .*7/);
    assertMatch(await a.ip("-6", "route"), /default via fd00:7::fe dev ib0/);
    for (const address of ["10.9.7.2", "fd00:7::2", "10.9.8.2"]) {
      await until(`a reply of ${address}`, () => a.reaches(address));
    }
    const [link] = JSON.parse(await a.ip("-j", "link", "show", "ib0.8001"));
    assertEquals(link.mtu, 9000);

    const shown = await showconf(a);
    assertMatch(shown, /^umcast = 1$/m);
    await a.ipoib("down", "ib0");
    await until("the end of the first process", () => first.ended);
    const path = await write(a, shown);
    const check = await a.ipoib("check-config", path);
    assertEquals([check.code, check.stderr], [0, ""]);
    const second = await a.ipoib("up", "ib0", "--config", path, "--background");
    assertEquals([second.code, second.stdout], [0, ""]);
    assertEquals(await showconf(a), shown);
    await until("a reply over the child", () => a.reaches("10.9.8.2"));
    await a.ipoib("down", "ib0");
  },
);

labTest(
  "showconf shows the changes since the start, with the options of the command line",
  async (lab) => {
    const [a] = await lab.hosts(1);
    await a.up({ args: ["--guid", "0x0002c90300000077", "--io", "poll"] });
    await a.ipoib("link", "set", "ib0", "mtu", "1500", "umcast", "1");
    await a.ipoib("child", "create", "0x0001");
    await a.ipoib("ethtool", "-G", "ib0", "rx", "512");
    await a.ipoib("param", "ib0", "mcast_debug_level", "1");
    await a.ipoib("param", "ib0", "log_level", "debug");
    await a.ip("route", "add", "10.50.0.0/16", "via", "10.9.0.9");
    assertEquals(
      await showconf(a),
      `[Interface]
hca = soft:default
guid = 0x0002c90300000077
mtu = 1500
io = poll
recv-queue-size = 512
log = debug
umcast = 1
mcast_debug_level = 1
address = ${a.address}/24
route = 10.50.0.0/16 via 10.9.0.9

[Child]
pkey = 0x0001
up = no
`,
    );
  },
);

labTest(
  "A setting that is refused is logged with its line, and the interface runs with the others",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const path = await write(
      a,
      `[Interface]
hca = soft
address = 10.9.7.1/24
route = 10.77.0.0/16 via 192.0.2.1
[Child]
name = lo
pkey = 0x8001
address = 10.9.9.1/24
[Child]
pkey = 0x8002
address = 10.9.8.1/24
`,
    );
    const up = start(a, path);
    await a.untilRunning();
    const applied = /configuration .*ib0\.conf applied, except 4 settings\n/;
    await until("the end of the log", () => applied.test(up.output));
    assertMatch(up.output, /ib0\.conf:4: Cannot add route 10\.77\.0\.0\/16/);
    assertMatch(up.output, /ib0\.conf:5: .*lo/);
    await untilUp(a, "ib0.8002");
    assertEquals((await addressesOf(a)).slice(1), [
      "ib0 UP 10.9.7.1/24",
      "ib0.8002 UP 10.9.8.1/24",
    ]);
    // A route of another interface with the same metric is not replaced.
    await a.ip("route", "add", "10.60.0.0/16", "dev", "lo");
    const route = { name: "ib0", dst: "10.60.0.0/16", gateway: "10.9.7.9" };
    const refused = await a.call("route.add", route).catch((error) => error);
    assertEquals([refused.code, refused.errno], ["E_ROUTE_ADD", 17]);
    await a.call("route.add", { ...route, metric: 5 });
    await a.call("route.add", { ...route, metric: 5 });
    const [shown] = await a.call("route.show", { name: "ib0" });
    assertEquals(shown!.routes, [{
      ...{ dst: "10.60.0.0/16", gateway: "10.9.7.9", metric: 5 },
    }]);
  },
);

labTest(
  "A file with problems creates no interface",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const path = await write(a, "[Interface]\nmtu = 3\n");
    const up = start(a, path);
    await until("the end of ipoib up", () => up.ended);
    assertEquals(up.code, 1);
    assert(up.output.includes(`${path}:2:7: Invalid value "3" of mtu`));
    assertEquals(await a.hasDevice("ib0"), false);
  },
);
