import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { upArguments, type UpOptions } from "../../src/ipc/up_options.ts";
import { CliFixture } from "./support.ts";

const done = { code: 0, out: "", err: "" };

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
