/** `ipoib up` with a configuration file, `ipoib showconf` and `ipoib check-config`. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

const DONE = { code: 0, out: "", err: "" };

/** Writes `IF.conf` to the directory of configuration files. Returns its path. */
async function write(
  cli: CliFixture,
  text: string,
  name = "ib0",
): Promise<string> {
  await Deno.mkdir(cli.configDirectory, { recursive: true });
  const path = `${cli.configDirectory}/${name}.conf`;
  await Deno.writeTextFile(path, text);
  return path;
}

Deno.test("ipoib up IF reads IF.conf if it exists, and options of the command line override it", async () => {
  await using cli = new CliFixture();
  const path = await write(
    cli,
    "[Interface]\nhca = soft:lab\nmtu = 1500\nlog = debug\numcast = 1\n",
  );
  assertEquals(await cli.run("up ib0 --mtu 2000 --log info"), DONE);
  const options = cli.ups.pop()!;
  assertEquals(options.hca, { kind: "soft", subnet: "lab" });
  assertEquals([options.mtu, options.log], [2000, "info"]);
  assertEquals(options.config, path);
  assertEquals(options.setup, [{
    method: "link.set",
    params: { name: "ib0", umcast: true },
    ifname: "ib0",
    where: `${path}:5`,
  }]);
  for (
    const line of ["up ib0 --no-config", "up ib0 -n blue", "up", "up ib0 ib1"]
  ) {
    assertEquals(await cli.run(line), DONE);
    const { config, setup, mtu } = cli.ups.pop()!;
    assertEquals([config, setup, mtu], [undefined, undefined, undefined], line);
  }
});

Deno.test("ipoib up --config FILE names the interface after the file, also in another namespace", async () => {
  await using cli = new CliFixture();
  const path = await write(cli, "[Interface]\nnetns = green\n", "ib7");
  assertEquals(await cli.run(`up --config ${path}`), DONE);
  const { names, netns } = cli.ups.pop()!;
  assertEquals([names, netns], [["ib7"], "green"]);
  assertEquals(await cli.run(`up ib1 --config ${path} --netns blue`), DONE);
  const other = cli.ups.pop()!;
  assertEquals([other.names, other.netns], [["ib1"], "blue"]);
});

Deno.test("ipoib up refuses a file with problems, a missing file, and one file for several interfaces", async () => {
  await using cli = new CliFixture();
  const path = await write(cli, "[Interface]\nmtu = 3\nmode = x\n");
  const { code, err } = await cli.run("up ib0");
  assertEquals([code, err], [
    1,
    `ipoib: ${path}:2:7: Invalid value "3" of mtu (it must be a number from 68 to 65520; 1 more: ipoib check-config ${path})\n`,
  ]);
  for (
    const [line, text] of [
      ["up ib0 ib1 --config x.conf", "describes one interface"],
      ["up --config /nowhere/ib0.conf", "it does not exist"],
      [`up ib0 --config ${cli.configDirectory}`, "it is not a regular file"],
      ["up ib0 --config /dev/zero", "it is not a regular file"],
      ["up --config /nowhere/other", "names no interface"],
    ] as const
  ) {
    const { code, err } = await cli.run(line);
    assertEquals(code, 1);
    assertStringIncludes(err, text);
  }
  assertEquals(cli.ups, []);
});

Deno.test("ipoib check-config prints every problem of every file, and nothing else", async () => {
  await using cli = new CliFixture();
  const none = await cli.run("check-config");
  assertEquals(none.code, 1);
  assertStringIncludes(none.err, cli.configDirectory);
  await write(cli, "[Interface]\nmtu = 1500\n");
  assertEquals(await cli.run("check-config"), DONE);
  const path = await write(cli, "[Interface]\nmtu = 3\ncolor = 1\n", "ib1");
  const all = await cli.run("check-config");
  assertEquals([all.code, all.out], [1, ""]);
  const lines = all.err.trimEnd().split("\n");
  assertEquals(lines.length, 2);
  assertEquals(
    lines[0],
    `${path}:2:7: Invalid value "3" of mtu (it must be a number from 68 to 65520)`,
  );
  assertStringIncludes(lines[1]!, `${path}:3:1: Unknown key "color"`);
});

Deno.test("ipoib showconf prints a file that gives the same options and settings", async () => {
  await using cli = new CliFixture();
  const options = {
    "hca": "soft:lab",
    "pkey-index": "0",
    "guid": "0x0002c90300000001",
    "mode": "datagram",
    "mtu": "2000",
    "io": "auto",
    "log": "warning",
    "roce": "yes",
  };
  await cli.daemon("ib0", {
    children: ["ib0.8001"],
    handlers: {
      "config.show": () => ({ options, recv_queue_size: 256 }),
      "child.list": () => [
        {
          ...records.child,
          ifname: "ib0.0001",
          kind: "legacy",
          pkey: "0x8001",
        },
        { ...records.child, ifname: "blue", kind: "rtnl", pkey: "0x8002" },
        // In another namespace.
        { ...records.child, ifname: "blue", kind: "rtnl", ifindex: 9 },
      ],
      "link.show": ({ name }) =>
        name === undefined
          ? ["ib0", "ib0.0001", "blue"].map((ifname) => ({
            ...records.link,
            ...{ ifname, ifindex: 5 },
          }))
          : [{
            ...records.link,
            ...name === "ib0" ? {} : { flags: ["BROADCAST"] },
            mtu_chain: { ...records.link.mtu_chain, admin: 1500 },
          }],
      "coalesce.get": () => ({
        ...{ "rx-usecs": 16, "rx-frames": 0, "adaptive-rx": 1 },
      }),
      "rings.get": ({ name }) => ({
        ...{ "rx-max": 8192, "tx-max": 8192, "tx": 1000, "tx-push": false },
        rx: name === "blue" ? 512 : 256,
      }),
      "features": () => [],
      "param.show": () => [
        ...records.params,
        { param: "log_level", value: "debug", writable: true },
      ],
      "route.show": () => [{
        ifname: "ib0",
        routes: [{ dst: "0.0.0.0/0", gateway: "10.0.0.254", metric: 5 }],
      }],
    },
  });
  const common = "rx-usecs = 16\nadaptive-rx = on\n";
  const addresses = "address = 10.0.0.1/24 brd 10.0.0.255\n" +
    "route = default via 10.0.0.254 metric 5\n";
  const { code, out, err } = await cli.run("showconf ib0");
  assertEquals([code, err], [0, ""]);
  assertEquals(
    out,
    "[Interface]\nhca = soft:lab\nroce = yes\n" +
      "guid = 0x0002c90300000001\nmtu = 1500\nlog = debug\n" +
      `${common}debug_level = 1\n${addresses}\n` +
      `[Child]\npkey = 0x0001\nmtu = 1500\n${common}up = no\n` +
      `${addresses.replace("brd 10.0.0.255", "brd 10.0.0.255 label ib0")}\n` +
      "[Child]\npkey = 0x8002\nname = blue\nmtu = 1500\n" +
      `recv-queue-size = 512\n${common}up = no\n` +
      addresses.replace("brd 10.0.0.255", "brd 10.0.0.255 label ib0"),
  );
  await write(cli, out);
  assertEquals(await cli.run("check-config"), DONE);
});
