import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { setColorEnabled, stripAnsiCode } from "@std/fmt/colors";
import fc from "fast-check";
import { upArguments, type UpOptions } from "../../src/ipc/up_options.ts";
import { styleOf } from "../../src/cli/render/style.ts";
import { renderLinks } from "../../src/cli/render/link_text.ts";
import { IpoibError } from "../../src/base/errors.ts";
import * as records from "../ipc/records.ts";
import { type Call, CliFixture, forceColors } from "./support.ts";

const LLADDR = records.neighbours[0]!.lladdr!;
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

Deno.test("ipoib down --pid stops a process and refuses an interface name", async () => {
  await using cli = new CliFixture();
  assertEquals((await cli.run("down --pid 4711")).code, 0);
  const both = await cli.run("down ib0 --pid 4711");
  assertEquals(both.code, 1);
  assertStringIncludes(both.err, "mutually exclusive");
  for (const pid of ["0", "x", "4194305"]) {
    assertEquals((await cli.run(`down --pid ${pid}`)).code, 1);
  }
  assertEquals(cli.ended, [4711]);
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

Deno.test("ipoib param shows all parameters or one, and changes one", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const out = "recv_queue_size 256 read-only\ndebug_level 1\n";
  assertEquals(await cli.run("param"), { ...done, out });
  assertEquals(await cli.run("param ib0"), { ...done, out });
  assertEquals(await cli.run("param debug_level"), { ...done, out: "1\n" });
  const json = await cli.run("-j param ib0 debug_level");
  assertEquals(JSON.parse(json.out), [records.params[1]]);
  assertEquals(await cli.run("param debug_level 2"), done);
  assertEquals(await cli.run("param ib0 debug_level 0"), done);
  assertEquals(calls.slice(-2), [
    ["param.set", { name: "ib0", param: "debug_level", value: "2" }],
    ["param.set", { name: "ib0", param: "debug_level", value: "0" }],
  ]);
  assertEquals(await cli.run("param ib0 bad_level"), {
    code: 2,
    out: "",
    err:
      "ipoib: Parameter bad_level does not exist (available parameters: recv_queue_size, debug_level)\n",
  });
  assertEquals((await cli.run("param debug_level 1 2")).code, 1);
  await cli.daemon("x_level");
  assertEquals(await cli.run("param x_level debug_level"), {
    ...done,
    out: "1\n",
  });
  assertEquals(await cli.run("param dev x_level"), { ...done, out });
});

Deno.test("link del takes the type, as ip does", async () => {
  await using cli = new CliFixture();
  const handlers = { "link.del": () => ({ deleted: true }) };
  const calls = await cli.daemon("kid", { handlers });
  for (const words of ["kid type ipoib", "dev kid type ipoib", "kid"]) {
    assertEquals(await cli.run(`link del ${words}`), done, words);
    assertEquals(calls.pop(), ["link.del", { name: "kid" }]);
  }
});

Deno.test("invalid words of neigh add and del are refused with exit code 1", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const cases: Record<string, string> = {
    "add 10.0.0.2 dev ib0": `Argument "lladdr" is missing`,
    [`add 10.0.0.2 dev ib0 lladdr 80:00`]:
      `Invalid InfiniBand link-layer address "80:00" (expected 20 bytes, as \`ipoib neigh show\` prints them)`,
    [`add lladdr ${LLADDR}`]: "The IP address is missing",
    [`add 10.0.0 lladdr ${LLADDR}`]: `"10.0.0" is not an IP address`,
    [`add 10.0.0.2 lladdr ${LLADDR} nud stale`]:
      'State "stale" is not supported (static neighbours are permanent)',
    "del 10.0.0.2 lladdr": 'Argument "lladdr" requires a value',
    "del x": `"x" is not an IP address`,
  };
  for (const [words, message] of Object.entries(cases)) {
    const { code, err } = await cli.run(`neigh ${words}`);
    assertEquals([code, err.split("\n")[0]], [1, `ipoib: ${message}`], words);
  }
  assertEquals(calls, []);
});

Deno.test("commands that change state print nothing on success", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const lines: Array<[string, Call]> = [
    ["neigh flush", ["neigh.flush", { name: "ib0" }]],
    ...[
      `10.0.0.2 lladdr ${LLADDR} dev ib0`,
      `to 10.0.0.2 lladdr ${LLADDR}`,
      `lladdr ${LLADDR} nud permanent 10.0.0.2 dev ib0`,
    ].map((words): [string, Call] => [
      `neigh add ${words}`,
      ["neigh.add", { name: "ib0", dst: "10.0.0.2", lladdr: LLADDR }],
    ]),
    ...["change", "replace"].map((how): [string, Call] => [
      `neigh ${how} 10.0.0.2 lladdr ${LLADDR}`,
      ["neigh.add", { name: "ib0", dst: "10.0.0.2", lladdr: LLADDR, how }],
    ]),
    ["neigh del to 10.0.0.2 dev ib0", [
      "neigh.del",
      { name: "ib0", dst: "10.0.0.2" },
    ]],
    ["neigh del 10.0.0.2", ["neigh.del", { name: "ib0", dst: "10.0.0.2" }]],
    ...["ib0 --to 10.0.0.2", "ib0 to 10.0.0.2", "to 10.0.0.2 dev ib0"].map((
      words,
    ): [string, Call] => [
      `neigh flush ${words}`,
      ["neigh.flush", { name: "ib0", dst: "10.0.0.2" }],
    ]),
    ["neigh flush dev ib0", ["neigh.flush", { name: "ib0" }]],
    ["child delete 0x8001", ["child.delete", { parent: "ib0", pkey: 0x8001 }]],
    ["child del 1 --parent ib0", ["child.delete", { parent: "ib0", pkey: 1 }]],
    ["child del 1 dev ib0", ["child.delete", { parent: "ib0", pkey: 1 }]],
    ["link set ib0 up", ["link.set", { name: "ib0", up: true }]],
    ["link set dev ib0 down mtu 1500", [
      "link.set",
      { name: "ib0", up: false, mtu: 1500 },
    ]],
    ...["up mtu 1500 dev ib0", "mtu 1500 ib0 up", "dev ib0 up mtu 1500"].map((
      words,
    ): [string, Call] => [
      `link set ${words}`,
      ["link.set", { name: "ib0", up: true, mtu: 1500 }],
    ]),
    ["l s ib0 qlen 64 al rail ad 80:00 addrg none", ["link.set", {
      ...{ name: "ib0", txqlen: 64, alias: "rail", address: "80:00" },
      addrgenmode: "none",
    }]],
    ["link set ib0 t 1 tx 2 d on", [
      "link.set",
      { name: "ib0", txqlen: 2, dynamic: true },
    ]],
    ["link set mode connected umcast 1", [
      "link.set",
      { name: "ib0", mode: "connected", umcast: true },
    ]],
    [
      "link set ib0 name ib7 alias rail txqueuelen 64 group default netns blue",
      [
        "link.set",
        {
          ...{
            name: "ib0",
            rename: "ib7",
            alias: "rail",
            txqlen: 64,
            group: 0,
          },
          netns: "blue",
        },
      ],
    ],
    [
      "link set ib0 arp off multicast on allmulticast on promisc off dynamic on",
      [
        "link.set",
        {
          ...{ name: "ib0", arp: false, multicast: true, allmulticast: true },
          ...{ promisc: false, dynamic: true },
        },
      ],
    ],
    ["link set ib0 mode dormant addrgenmode none group 7", [
      "link.set",
      { name: "ib0", linkmode: "dormant", addrgenmode: "none", group: 7 },
    ]],
    ["link set ib0 address 00:01 type ipoib mode datagram", [
      "link.set",
      { name: "ib0", address: "00:01", mode: "datagram" },
    ]],
  ];
  for (const [line] of lines) assertEquals(await cli.run(line), done, line);
  assertEquals(calls, lines.map(([, call]) => call));
});

Deno.test("ipoib child create prints the name of the child", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  assertEquals(await cli.run("child create 0x8001"), {
    ...done,
    out: "ib0.8001\n",
  });
  assertEquals(
    JSON.parse((await cli.run("-j child create 32769 --parent ib0")).out),
    [records.child],
  );
  assertEquals(
    calls,
    Array(2).fill([
      "child.create",
      { parent: "ib0", pkey: 0x8001 },
    ]),
  );
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

Deno.test("ipoib set accepts dev before the interface", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { handlers: { set: () => ({}) } });
  for (const line of ["set dev ib0 mtu 1500", "set ib0 mtu 1500"]) {
    assertEquals(await cli.run(line), done);
  }
  const call = ["set", { name: "ib0", file: "mtu", value: "1500" }];
  assertEquals(calls as unknown[], [call, call]);
});

Deno.test("ipoib down returns when the process has closed the connection", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  assertEquals(await cli.run("down ib0"), done);
  assertEquals(calls, [["down", { name: "ib0" }]]);
  assertEquals((await cli.run("down ib0")).code, 3);
});

Deno.test("ipoib down of a child does not wait for the process of its parent to end", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", {
    children: ["ib0.8001"],
    handlers: { down: () => ({}) },
  });
  assertEquals(await cli.run("down ib0.8001"), done);
});

Deno.test("ipoib up passes its options to the daemon and returns the exit code of the daemon", async () => {
  await using cli = new CliFixture();
  assertEquals(await cli.run("up"), done);
  assertEquals(cli.ups.pop(), {
    names: [],
    hca: { kind: "auto" },
    roce: false,
    pkeyIndex: 0,
    mode: "datagram",
    background: false,
    io: "auto",
    memberships: "auto",
    nextHops: "auto",
    log: "info",
  });
  cli.code = 2;
  const line = "up ib7 ib9 --hca soft:lab --netns blue --pkey-index 0x2 " +
    "--guid 0002:c903:0:1 --subnet-mtu 4096 --mode connected --mtu 1500 " +
    "--roce --background --io poll --memberships proc --next-hops routes --recv-queue-size 1000 --send-queue-size 64 " +
    "--max-groups 40 --max-connections 7 --threads 2 --log debug --log-file /srv/ib.log --timeout 60";
  assertEquals((await cli.run(line)).code, 2);
  assertEquals(cli.ups.pop(), {
    names: ["ib7", "ib9"],
    hca: { kind: "soft", subnet: "lab" },
    roce: true,
    netns: "blue",
    pkeyIndex: 2,
    guid: 0x0002c90300000001n,
    subnetMtu: 4096,
    mode: "connected",
    mtu: 1500,
    background: true,
    io: "poll",
    memberships: "proc",
    nextHops: "routes",
    recvQueueSize: 1000,
    sendQueueSize: 64,
    maxGroups: 40,
    maxConnections: 7,
    log: "debug",
    threads: 2,
    logFile: "/srv/ib.log",
    timeoutS: 60,
  });
});

Deno.test("ipoib up --timeout and --log-file need --background; a relative path is made absolute", async () => {
  await using cli = new CliFixture();
  for (const words of ["--timeout 5", "--log-file ib.log"]) {
    const { code, err } = await cli.run(`up ib0 ${words}`);
    assertEquals(code, 1);
    assertStringIncludes(err, "needs --background");
  }
  assertEquals((await cli.run("up --background --timeout 0")).code, 1);
  assertEquals(cli.ups, []);
  await cli.run("up ib0 --background --log-file ib.log");
  assertEquals(cli.ups.pop()?.logFile, `${Deno.cwd()}/ib.log`);
});

Deno.test("the command line parses upArguments() to the same options", async () => {
  await using cli = new CliFixture();
  const optional = <T>(value: fc.Arbitrary<T>) =>
    fc.option(value, { nil: undefined });
  const options: fc.Arbitrary<UpOptions> = fc.record({
    names: fc.constantFrom([], ["ib0"], ["ib7.x", "ib1", "ib0"]),
    hca: fc.constantFrom<UpOptions["hca"]>(
      { kind: "auto" },
      { kind: "soft", subnet: "lab" },
      { kind: "verbs", device: "mlx5_0", port: 2 },
      { kind: "verbs", device: "mlx5_0" },
    ),
    roce: fc.boolean(),
    netns: optional(fc.constantFrom("blue", "/run/netns/x", "17")),
    pkeyIndex: fc.nat(0xffff),
    guid: optional(fc.bigInt(1n, (1n << 64n) - 1n)),
    subnetMtu: optional(fc.constantFrom(2048 as const, 4096 as const)),
    mode: fc.constantFrom("datagram" as const, "connected" as const),
    mtu: optional(fc.integer({ min: 72, max: 65_520 })),
    background: fc.boolean(),
    io: fc.constantFrom("auto" as const, "poll" as const, "uring" as const),
    memberships: fc.constantFrom("auto" as const, "proc" as const),
    nextHops: fc.constantFrom(
      "auto" as const,
      "program" as const,
      "routes" as const,
    ),
    recvQueueSize: optional(fc.integer({ min: 2, max: 8192 })),
    sendQueueSize: optional(fc.integer({ min: 2, max: 8192 })),
    maxGroups: optional(fc.integer({ min: 1, max: 16_383 })),
    maxConnections: optional(fc.integer({ min: 0, max: 65_536 })),
    log: fc.constantFrom("debug" as const, "silent" as const),
    threads: optional(fc.integer({ min: 1, max: 256 })),
    logFile: optional(fc.constantFrom("/srv/ib.log", "/var/log/x")),
    timeoutS: optional(fc.integer({ min: 1, max: 86_400 })),
  }).map((all) => {
    // The two need the background.
    const { logFile: _, timeoutS: __, ...foreground } = all;
    return Object.fromEntries(
      Object.entries(all.background ? all : foreground)
        .filter(([, value]) => value !== undefined),
    ) as unknown as UpOptions;
  });
  await fc.assert(fc.asyncProperty(options, async (expected) => {
    assertEquals(await cli.run(upArguments(expected)), done);
    assertEquals(cli.ups.pop(), expected);
  }));
});

Deno.test("ipoib up refuses sizes of queues that ib_ipoib refuses", async () => {
  await using cli = new CliFixture();
  for (const option of ["--recv-queue-size", "--send-queue-size"]) {
    for (const size of ["1", "8193", "many"]) {
      const { code, err } = await cli.run(`up ib0 ${option} ${size}`);
      assertEquals(code, 1);
      assertStringIncludes(err, option);
    }
  }
  assertEquals(cli.ups, []);
});

Deno.test("ipoib up refuses duplicate and invalid names", async () => {
  await using cli = new CliFixture();
  for (
    const [line, what] of [["ib0 ib1 ib0", "duplicate"], ["ib0 a/b", "slash"]]
  ) {
    const { code, err } = await cli.run(`up ${line}`);
    assertEquals(code, 1);
    assertStringIncludes(err, what!);
  }
  assertEquals(cli.ups, []);
});

Deno.test("ipoib -n NS up is equivalent to ipoib up --netns NS", async () => {
  await using cli = new CliFixture();
  await cli.run("-n blue up");
  await cli.run("up --netns blue");
  assertEquals(cli.ups.map(({ netns }) => netns), ["blue", "blue"]);
});

Deno.test("ipoib subnet run passes its options to the daemon", async () => {
  await using cli = new CliFixture();
  assertEquals(await cli.run("subnet run"), done);
  cli.code = 2;
  assertEquals(
    (await cli.run(
      "subnet run lab --subnet-mtu 4096 --partitions p.conf --log error",
    )).code,
    2,
  );
  assertEquals(cli.subnetRuns, [
    { name: "default", log: "info" },
    { name: "lab", subnetMtu: 4096, partitions: "p.conf", log: "error" },
  ]);
  await Deno.mkdir(cli.configDirectory);
  const partitions = `${cli.configDirectory}/lab.partitions`;
  await Deno.writeTextFile(partitions, "");
  await cli.run("subnet run lab");
  assertEquals(cli.subnetRuns.pop(), { name: "lab", log: "info", partitions });
});

Deno.test("ipoib subnet show queries the subnet manager", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab");
  const text = await cli.run("subnet show");
  assertEquals([text.code, text.err], [0, ""]);
  assertStringIncludes(text.out, "manager lab lid 0x0001");
  const [json] = JSON.parse((await cli.run("-j subnet show lab")).out);
  assertEquals(json.rate_code, 16);
  assertEquals(json.groups[0].members[1].join_state, 5);

  await cli.subnet("other");
  assertEquals(await cli.run("subnet show"), {
    code: 1,
    out: "",
    err: "ipoib: Several subnets are running: lab, other (name one of them)\n",
  });
  assertStringIncludes(
    (await cli.run("subnet show other")).out,
    "manager other",
  );
});

Deno.test("ipoib subnet show queries an interface if no manager listens", async () => {
  await using cli = new CliFixture();
  assertEquals((await cli.run("subnet show")).code, 3);
  const named = await cli.run("subnet show lab");
  assertEquals(named.code, 3);
  assertStringIncludes(named.err, "ipoib: Subnet lab is not running (");

  const calls = await cli.daemon("ib0");
  assertStringIncludes(
    (await cli.run("subnet show lab")).out,
    "manager ib0 lid",
  );
  // The second call finds the namespaces of the ports.
  assertEquals(calls, [["subnet.show", { name: "lab" }], ["link.show", {}]]);
});

/** Creates the socket of a port of subnet lab, on which a process listens. */
function listenAsPort({ runtime }: CliFixture): Deno.Listener {
  const directory = `${runtime}/subnet/lab`;
  Deno.mkdirSync(directory, { recursive: true });
  const path = `${directory}/port-0002c90300000001.sock`;
  return Deno.listen({ transport: "unix", path });
}

Deno.test("commands of a subnet wait for the next manager while a port lives", async () => {
  for (const words of ["subnet fault clear", "subnet show lab"]) {
    await using cli = new CliFixture();
    using _port = listenAsPort(cli);
    const running = cli.run(words);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await cli.subnet("lab", {
      "subnet.fault.clear": () => ({ version: 1, rules: [], waiting: [] }),
    });
    const { code, err } = await running;
    assertEquals([code, err], [0, ""], words);
  }
});

Deno.test("commands of a subnet whose ports are left without a manager fail after a while", async () => {
  await using cli = new CliFixture();
  using _port = listenAsPort(cli);
  const { code, err } = await cli.run("subnet fault show");
  assertEquals(code, 3);
  assertStringIncludes(err, "No subnet is running (");
});

Deno.test("a refused request prints one line and returns exit code 2", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", {
    handlers: {
      "child.create": () => {
        throw new IpoibError("E_CHILD", "P_Key 0x8001 is in use", {
          errno: 76,
        });
      },
    },
  });
  assertEquals(await cli.run("child create 0x8001"), {
    code: 2,
    out: "",
    err: "ipoib: P_Key 0x8001 is in use\n",
  });
});

Deno.test("a process that closes the connection before it replies causes exit code 3", async () => {
  await using cli = new CliFixture();
  const listener = Deno.listen({
    transport: "unix",
    path: `${cli.runtime}/ib0.sock`,
  });
  const ending = (async () => {
    for await (const conn of listener) conn.close();
  })();
  assertEquals(await cli.run("neigh show ib0"), {
    code: 3,
    out: "",
    err: "ipoib: Connection to ib0 is closed\n",
  });
  listener.close();
  await ending;
});
