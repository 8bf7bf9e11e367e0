import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { setColorEnabled, stripAnsiCode } from "@std/fmt/colors";
import { styleOf } from "../../src/cli/render/style.ts";
import { renderLinks } from "../../src/cli/render/link_text.ts";
import * as records from "../ipc/records.ts";
import { CliFixture, forceColors } from "./support.ts";

const done = { code: 0, out: "", err: "" };

Deno.test("ipoib link show without a name prints the only interface and its children", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const links = [records.link, records.childLink];
  assertEquals(await cli.run("link show"), {
    ...done,
    out: renderLinks(links, styleOf({}, false)),
  });
  assertEquals(await cli.run("-d -s link ls ib0"), {
    ...done,
    out: renderLinks(links, styleOf({ details: true, stats: true }, false)),
  });
  assertEquals(calls, [["link.show", {}], ["link.show", { name: "ib0" }]]);
});

Deno.test("global options are accepted before the object, after it and after the command", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const expected = [records.link, records.childLink];
  for (
    const line of [
      "-d -s -j link show",
      "link -jds show",
      "-d link -s show -j",
      "link show ib0 --json --details --statistics",
    ]
  ) {
    const { code, out, err } = await cli.run(line);
    assertEquals([code, err, out.split("\n").length], [0, "", 2], line);
    assertEquals(JSON.parse(out), expected, line);
  }
  const pretty = await cli.run("-jpds link show");
  assertEquals(pretty.out.split("\n")[1], "    {");
  assertEquals(JSON.parse(pretty.out), expected);
});

Deno.test("text is colored if the environment permits it, JSON is not", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  using _colors = forceColors();
  cli.color = true;
  assert((await cli.run("link show")).out.includes("\x1b["));
  assert(!(await cli.run("-j link show")).out.includes("\x1b["));
  assert(!(await cli.run("-c=never link show")).out.includes("\x1b["));
});

Deno.test("-c uses colors regardless of the terminal, -c=auto and -c=never do not", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  using _colors = forceColors();
  // As with NO_COLOR.
  setColorEnabled(false);
  for (const option of ["-c", "-color", "--color=always", "-c=never -c"]) {
    const { out } = await cli.run(`${option} link show`);
    assert(out.includes("\x1b[36mib0\x1b[39m"), option);
    assertEquals(stripAnsiCode(out), (await cli.run("link")).out);
    setColorEnabled(false);
  }
  for (const option of ["-c=auto", "-c=never", "-c -color=auto"]) {
    assert(!(await cli.run(`${option} link show`)).out.includes("\x1b["));
  }
  assertEquals((await cli.run("-c=maybe link")).code, 1);
});

Deno.test("-br prints rows as ip -br does", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const { address } = records.link;
  assertEquals(
    (await cli.run("-br link")).out,
    `ib0              UP             ${address} <BROADCAST,MULTICAST,UP,LOWER_UP> \n` +
      `ib0.8003@ib0     DOWN           ${address} <NO-CARRIER,BROADCAST,MULTICAST,UP> \n`,
  );
  const [json] = JSON.parse((await cli.run("-br -j link")).out);
  assertEquals(Object.keys(json), ["ifname", "flags", "operstate", "address"]);
  const [neighbour] = records.neighbours;
  assertEquals(
    (await cli.run("-br neigh")).out,
    `10.0.0.2                                ib0              ${neighbour!
      .lladdr!}\n` +
      "10.0.0.9                                ib0              \n",
  );
});

Deno.test("JSON has details only with -d, and statistics only with -s", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const members = async (line: string) =>
    Object.keys(JSON.parse((await cli.run(line)).out)[0]);
  const ofIp = [
    ...["ifindex", "ifname", "flags", "mtu", "qdisc", "operstate"],
    ...["linkmode", "group", "txqlen", "link_type", "address", "broadcast"],
  ];
  assertEquals(await members("-j link"), [...ofIp, "state"]);
  assertEquals(await members("-j -s link"), [
    ...ofIp,
    "stats64",
    "state",
    "drops",
  ]);
  const details = await members("-j -d link");
  for (const name of ["linkinfo", "promiscuity", "hca", "pid", "version"]) {
    assert(details.includes(name), name);
  }
  assert(!details.includes("stats64"));
  assertEquals(await members("-j neigh"), ["dst", "dev", "lladdr", "state"]);
  assertEquals(await members("-j -s neigh"), [
    ...["dst", "dev", "lladdr", "used", "confirmed", "updated", "probes"],
    ...["state", "queued"],
  ]);
  assertEquals(await members("-j -d path"), [
    ...["gid", "dev", "complete", "dlid", "sl", "rate_mbps", "mtu"],
    "hoplimit",
  ]);
  assert(!(await members("-j mcg")).includes("created_ms"));
  for (const option of ["-d", "-s"]) {
    assert((await members(`-j ${option} mcg`)).includes("created_ms"));
  }
});

Deno.test("a command for a child connects to the process of its parent", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { children: ["ib0.8001"] });
  assertEquals((await cli.run("link show ib0.8001")).code, 0);
  assertEquals((await cli.run("neigh show")).code, 0);
  assertEquals(calls, [
    ["link.show", { name: "ib0.8001" }],
    ["neigh.show", {}],
  ]);
});

Deno.test("a moved child is found in its namespace, by its name and as the default", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { moved: { blue: "ib0.8001" } });
  for (const line of ["link show ib0.8001", "link show", "neigh show"]) {
    assertEquals((await cli.run(`-n blue ${line}`)).code, 0);
  }
  assertEquals(calls, [
    ["link.show", { name: "ib0.8001" }],
    ["link.show", { name: "ib0.8001" }],
    ["neigh.show", { name: "ib0.8001" }],
  ]);
});

Deno.test("ipoib neigh show, path show and mcg show print text and JSON", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const shows: Array<[string, unknown, string]> = [
    ["neigh", records.neighbours, "REACHABLE"],
    ["path", records.paths, "complete"],
    ["mcg", records.groups, "joined"],
  ];
  for (const [object, expected, word] of shows) {
    assertStringIncludes((await cli.run(`${object} show ib0`)).out, word);
    const json = await cli.run(`-j -d -s ${object} show`);
    assertEquals(JSON.parse(json.out), expected);
    assertEquals([json.code, json.err], [0, ""]);
  }
  assertEquals(
    calls.map(([method]) => method),
    shows.flatMap(([object]) => [`${object}.show`, `${object}.show`]),
  );
});

Deno.test("ipoib debug mcg and debug path print the tables in the layout of debugfs, or as JSON", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const tables: Array<[string, unknown]> = [
    ["mcg", records.groups],
    ["path", records.paths],
  ];
  for (const [table, expected] of tables) {
    const { out } = await cli.run(`debug ${table} ib0`);
    assertMatch(out, /^GID: [0-9a-f]+(:[0-9a-f]+){7}\n {2}c/);
    const json = await cli.run(`-j debug ${table}`);
    assertEquals(JSON.parse(json.out), expected);
  }
  assertEquals(
    calls.map(([method]) => method),
    ["mcg.show", "mcg.show", "path.show", "path.show"],
  );
});

Deno.test("ipoib maddr show prints the kernel's memberships as ip maddr does", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const out = "7:\tib0\n\tinet  224.0.0.1\n\tinet6 ff02::1\n";
  assertEquals(await cli.run("maddr show ib0"), { ...done, out });
  const json = await cli.run("-j maddr show");
  assertEquals(JSON.parse(json.out), records.maddrs);
});

Deno.test("ipoib child list prints one line or one JSON record per child", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  assertEquals(await cli.run("child list"), {
    ...done,
    out: "5: ib0.8001@ib0: pkey 0x8001 state UP\n",
  });
  assertEquals(JSON.parse((await cli.run("child list -j")).out), [
    records.child,
  ]);
});

Deno.test("ipoib get prints the value as sysfs does", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  assertEquals(await cli.run("get ib0 mode"), { ...done, out: "datagram\n" });
  assertEquals(await cli.run("get mode"), { ...done, out: "datagram\n" });
  assertEquals(JSON.parse((await cli.run("-j get ib0 mode")).out), [
    { ifname: "ib0", mode: "datagram" },
  ]);
  assertEquals(calls[0], ["get", { name: "ib0", file: "mode" }]);
  assertEquals(await cli.run("get ib0 colour"), {
    code: 2,
    out: "",
    err: 'ipoib: No file "colour" (mode, pkey, parent, mtu)\n',
  });
});

Deno.test("ipoib get IF lists all files, and ipoib get those of all interfaces", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const out = "mode datagram\npkey 0xffff read-only\ncreate_child write-only\n";
  assertEquals(await cli.run("get ib0"), { ...done, out });
  assertEquals(await cli.run("get dev ib0"), { ...done, out });
  assertEquals(await cli.run("get"), { ...done, out });
  const files = { mode: "datagram", pkey: "0xffff", "create_child": null };
  assertEquals(JSON.parse((await cli.run("-j get ib0")).out), [
    { ifname: "ib0", ...files },
  ]);
  await cli.daemon("mode");
  assertEquals(await cli.run("get dev mode"), { ...done, out });
  assertEquals((await cli.run("get")).out, `ib0:\n${out}mode:\n${out}`);
});
