import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Handlers } from "../../src/ipc/server.ts";
import type { FaultRecord } from "../../src/ipc/schema.ts";
import * as records from "../ipc/records.ts";
import { type Call, CliFixture } from "./support.ts";

const done = { code: 0, out: "", err: "" };
const [FIRST, SECOND] = records.subnet.ports.map(({ guid }) => guid);

const faults: FaultRecord = {
  version: 3,
  rules: [
    { seed: 7, drop: 20, delay: 10, jitter: 2 },
    { port: SECOND!, seed: 1, duplicate: 1, reorder: 5, rate: 100 },
    { port: "0x00000000000000ff", seed: 1, drop: 100 },
  ],
  waiting: [],
};

function handlers(record: FaultRecord = faults): Handlers {
  return {
    "subnet.fault.show": () => record,
    "subnet.fault.set": () => record,
    "subnet.fault.clear": () => record,
    "subnet.port": () => ({}),
    "subnet.kill": () => ({}),
    "subnet.reload": ({ partitions }) => ({
      partitions: 2,
      ports: partitions ? 1 : 0,
      warnings: partitions ? ["p.conf:3:1: odd"] : [],
      ...(partitions === undefined ? {} : { file: partitions }),
    }),
  };
}

/** Removes the recorded calls and returns those other than `subnet.show`. */
function takeCalls(calls: Call[]): Call[] {
  return calls.splice(0).filter(([method]) => method !== "subnet.show");
}

Deno.test("ipoib subnet fault prints the rules in the syntax of fault set", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab", handlers());
  const out = `\
all ports: drop 20% delay 10ms jitter 2ms seed 7
port ib1 lid 0x0002 guid ${SECOND}: duplicate 1% reorder 5% rate 100mbit seed 1
port 0x00000000000000ff: drop 100% seed 1
`;
  for (const line of ["", "show", "lab show"]) {
    assertEquals(await cli.run(`subnet fault ${line}`), { ...done, out });
  }
  const json = await cli.run("-j subnet fault");
  assertEquals(JSON.parse(json.out), [faults]);
});

Deno.test("ipoib subnet fault reports the absence of rules, and ports that have not applied them", async () => {
  await using cli = new CliFixture();
  const none = { version: 0, rules: [], waiting: [] };
  await cli.subnet("lab", handlers(none));
  assertEquals(await cli.run("subnet fault"), {
    ...done,
    out: "no faults\n",
  });
  const pending = { ...faults, waiting: [{ lid: 2, name: "ib1" }] };
  await cli.subnet("slow", handlers(pending));
  const err = "not yet applied by ib1 (lid 0x0002)\n";
  assertEquals(await cli.run("subnet fault slow set drop 1"), {
    ...done,
    err,
  });
  assertEquals(await cli.run("subnet fault slow clear"), { ...done, err });
  assertStringIncludes((await cli.run("subnet fault slow show")).out, err);
});

Deno.test("ipoib subnet fault accepts ports by interface name, LID and GUID", async () => {
  await using cli = new CliFixture();
  const calls = await cli.subnet("lab", handlers());
  const colons = "0002:c903:0:2";
  for (const port of ["ib1", "2", "0x2", "0x0002", SECOND, colons]) {
    assertEquals(
      await cli.run(`subnet fault set port ${port} drop 20%`),
      done,
      port,
    );
    assertEquals(takeCalls(calls), [
      ["subnet.fault.set", { port: SECOND, drop: 20, seed: 1 }],
    ]);
  }
  assertEquals(await cli.run("subnet fault clear port ib0"), done);
  assertEquals(takeCalls(calls), [["subnet.fault.clear", { port: FIRST }]]);
  for (const port of ["ib9", "9", "0x0000000000000009"]) {
    const { code, err } = await cli.run(`subnet fault clear port ${port}`);
    assertEquals(code, 2);
    assertStringIncludes(err, `ipoib: The subnet has no port "${port}" (`);
  }
});

Deno.test("ipoib subnet fault resolves an ambiguous interface name by the namespace", async () => {
  await using cli = new CliFixture();
  const ports = records.subnet.ports.map((port) => ({ ...port, name: "ib0" }));
  const calls = await cli.subnet("lab", {
    ...handlers(),
    "subnet.show": () => ({ ...records.subnet, ports }),
  });
  const { code, err } = await cli.run("subnet fault port ib0 down");
  assertEquals(code, 1);
  assertEquals(
    err.split("\n")[0],
    "ipoib: Several ports are named ib0: LIDs 0x0001, 0x0002 " +
      "(give the LID, or the namespace with -n)",
  );
  const hca = { ...records.link.hca, guid: SECOND! };
  await cli.daemon("ib0", {
    netns: "blue",
    handlers: { "link.show": () => [{ ...records.link, hca }] },
  });
  takeCalls(calls);
  assertEquals(await cli.run("-n blue subnet fault port ib0 down"), done);
  assertEquals(takeCalls(calls), [
    ["subnet.port", { port: SECOND, action: "down" }],
  ]);
});

Deno.test("ipoib subnet fault port and kill-manager call the manager with their arguments", async () => {
  await using cli = new CliFixture();
  const calls = await cli.subnet("lab", handlers());
  const port = FIRST;
  for (
    const [line, params] of [
      ["port ib0 up", { port, action: "up" }],
      ["port ib0 reregister", { port, action: "reregister" }],
      ["port ib0 lid", { port, action: "lid" }],
      ["port ib0 lid 9", { port, action: "lid", lid: 9 }],
      ["port ib0 pkeys 0xffff,1", {
        port,
        action: "pkeys",
        pkeys: [0xffff, 1],
      }],
    ] as const
  ) {
    assertEquals(await cli.run(`subnet fault lab ${line}`), done);
    assertEquals(takeCalls(calls), [["subnet.port", params]]);
  }
  assertEquals(await cli.run("subnet fault kill-manager"), done);
  assertEquals(takeCalls(calls), [["subnet.kill", {}]]);
});

Deno.test("ipoib subnet fault fails without a manager", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const { code, err } = await cli.run("subnet fault set drop 1");
  assertEquals(code, 3);
  assertStringIncludes(err, "ipoib: No subnet is running (");
});

Deno.test("ipoib subnet reload passes an absolute path and prints the result", async () => {
  await using cli = new CliFixture();
  const calls = await cli.subnet("lab", handlers());
  assertEquals(await cli.run("subnet reload"), {
    ...done,
    out: "2 built-in partitions; P_Key tables changed on 0 ports\n",
  });
  const file = `${Deno.cwd()}/p.conf`;
  assertEquals(await cli.run("subnet reload lab --partitions p.conf"), {
    ...done,
    out: `warning: p.conf:3:1: odd\n2 partitions from ${file}; ` +
      "P_Key tables changed on 1 port\n",
  });
  assertEquals(takeCalls(calls), [
    ["subnet.reload", {}],
    ["subnet.reload", { partitions: file }],
  ]);
});
