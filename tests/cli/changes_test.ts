import { assertEquals, assertStringIncludes } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import * as records from "../ipc/records.ts";
import { type Call, CliFixture } from "./support.ts";

const LLADDR = records.neighbours[0]!.lladdr!;
const done = { code: 0, out: "", err: "" };

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
