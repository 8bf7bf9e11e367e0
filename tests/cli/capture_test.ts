/** `ipoib capture` and `ipoib extcap`: options, and the answers to Wireshark. */

import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { isExtcapCall } from "../../src/cli/plugin_call.ts";
import type { CaptureOptions } from "../../src/ipc/capture_options.ts";
import { EventHistory } from "../../src/daemon/event_history.ts";
import type { CaptureRecord } from "../../src/ipc/schema.ts";
import { pcapTest } from "../capture/libpcap.ts";
import { CliFixture } from "./support.ts";

const RECORD: CaptureRecord = {
  socket: "/run/ipoib/.1/s",
  version: 1,
  capacity: 1 << 24,
  reasons: ["tx_no_route"],
  device: "soft:default",
  port: 1,
};
const handlers = { "capture.start": () => RECORD };
const DEFAULTS: CaptureOptions = {
  name: "ib0",
  edges: "fabric",
  snapLength: 262_144,
  direction: "inout",
  filter: "",
  events: false,
  quiet: false,
};

Deno.test("capture starts a capture of the interface with the default options", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { handlers });
  assertEquals((await cli.run("capture ib0")).code, 0);
  assertEquals(calls, [["capture.start", { name: "ib0", edges: "fabric" }]]);
  assertEquals(
    cli.captures,
    [{
      options: DEFAULTS,
      record: RECORD,
    }] as typeof cli.captures,
  );
});

Deno.test("capture passes on its options, also where they are those of all commands elsewhere", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { handlers, netns: "blue" });
  const line = "capture -n blue dev ib0 -w f-%S -c 5 -s 96 -G 60 -C 10 -W 3 " +
    "-Q in --edge both -B 512 tcp port 22 and not mad";
  const { code, err } = await cli.run(line);
  assertEquals([code, err], [0, ""]);
  assertEquals(calls, [
    ["capture.start", { name: "ib0", edges: "both", bytes: 524_288 }],
  ]);
  assertEquals(cli.captures[0]!.options, {
    ...DEFAULTS,
    edges: "both",
    snapLength: 96,
    direction: "in",
    filter: "tcp port 22 and not mad",
    file: "f-%S",
    count: 5,
    rotateSeconds: 60,
    rotateMegabytes: 10,
    files: 3,
  });
});

Deno.test("capture --events also takes the events of all interfaces of the process, as plain text", async () => {
  await using cli = new CliFixture();
  const history = new EventHistory();
  const add = (ifname: string) =>
    history.add({
      ...{ "time_ms": Date.now(), ifname, kind: "link", event: "state" },
      ...{
        subject: ifname,
        old: "running",
        new: "waiting for the port (down)",
      },
    });
  await cli.daemon("ib0", { handlers: { ...handlers, ...history.handlers() } });
  cli.capturing = async () => {
    while (cli.capturedEvents.length < 2) {
      add("ib0");
      add("ib0.8001");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  assertEquals((await cli.run("-c capture ib0 --events")).code, 0);
  assertEquals(cli.captures[0]!.options.events, true);
  assertEquals(cli.capturedEvents.slice(0, 2).map(({ text }) => text), [
    "ib0 link state: running -> waiting for the port (down)",
    "ib0.8001 link state: running -> waiting for the port (down)",
  ]);
  assertGreater(cli.capturedEvents[0]!.timeMs, Date.now() - 60_000);
});

Deno.test("capture --events of a process without events names the reason and goes on", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  cli.capturing = () => new Promise((resolve) => setTimeout(resolve, 200));
  const { code, err } = await cli.run("capture ib0 --events");
  assertEquals(code, 0);
  assertStringIncludes(err, 'Unknown method "events.watch"');
});

Deno.test("capture -s 0 captures whole packets", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  await cli.run("capture ib0 -s 0");
  assertEquals(cli.captures[0]!.options.snapLength, 262_144);
});

Deno.test("capture takes values that are joined to their options, as tcpdump does", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  for (const [count, length] of [[4, 64], [6, 60], [40, 46]] as const) {
    const line = `capture ib0 -c${count} -s${length} -Qin -wfile`;
    const { code, err } = await cli.run(line);
    assertEquals([code, err], [0, ""]);
    const { options } = cli.captures.pop()!;
    assertEquals(options, {
      ...DEFAULTS,
      ...{ count, snapLength: length, direction: "in", file: "file" },
    });
  }
  assertEquals((await cli.run("capture ib0 -s0")).code, 0);
  assertEquals(cli.captures.pop()!.options.snapLength, 262_144);
});

Deno.test("capture refuses options that do not fit together", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  for (
    const [line, message] of [
      ["capture", "missing required argument 'IF'"],
      ["capture ib0 -G 5", "Options -G and -C need a file (add -w FILE)"],
      ["capture ib0 -w - -C 5", "Options -G and -C need a file"],
      ["capture ib0 -w f -W 2", "Option -W needs -G or -C"],
      ["capture ib0 -c 0", "It must be a number from 1"],
      ["capture ib0 -B 1", "It must be a number from 256 to 262144"],
      ["capture ib0 --edge wire", "Allowed choices are fabric, host, both"],
      ["capture ib0 -Q up", "Allowed choices are in, out, inout"],
    ]
  ) {
    const { code, err } = await cli.run(line!);
    assertEquals(code, 1, line);
    assertStringIncludes(err.toLowerCase(), message!.toLowerCase());
  }
  assertEquals(cli.captures, []);
});

Deno.test("capture of an interface that does not run fails with code 3", async () => {
  await using cli = new CliFixture();
  const { code, err } = await cli.run("capture ib7");
  assertEquals(code, 3);
  assertStringIncludes(err, "ib7 is not running");
});

Deno.test("extcap lists the running interfaces of this and of named namespaces", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { children: ["ib0.8001"] });
  await cli.daemon("ib0", { netns: "blue" });
  await cli.daemon("ib1", { netns: "4026539999" });
  await cli.deadSocket("ib9");
  const { code, out } = await cli.run(
    "--extcap-interfaces --extcap-version=4.0",
  );
  assertEquals(code, 0);
  assertEquals(
    out.split("\n").slice(1),
    [
      "interface {value=ipoib-ib0}{display=IPoIB interface ib0}",
      "interface {value=ipoib-ib0.8001}{display=IPoIB interface ib0.8001}",
      "interface {value=ipoib-ib0@blue}{display=IPoIB interface ib0 in namespace blue}",
      "",
    ],
  );
  assertStringIncludes(out, "extcap {version=0.1.0}");
});

Deno.test("extcap lists link types and options, and refuses foreign interfaces", async () => {
  await using cli = new CliFixture();
  assertEquals(
    (await cli.run("--extcap-dlts --extcap-interface ipoib-ib0")).out,
    "dlt {number=197}{name=ERF}{display=InfiniBand}\n",
  );
  const config = await cli.run("--extcap-config --extcap-interface ipoib-ib0");
  assertStringIncludes(config.out, "{call=--edge}");
  assertStringIncludes(config.out, "{value=fabric}");
  assertStringIncludes(config.out, "{call=--events}");
  const { code, err } = await cli.run("extcap --extcap-dlts");
  assertEquals(code, 1);
  assertStringIncludes(err, "--extcap-interface needs an interface");
});

Deno.test("extcap captures to a FIFO with the filter, the edge and the events", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { handlers, netns: "blue" });
  const { code } = await cli.run([
    ...["--capture", "--extcap-interface", "ipoib-ib0@blue"],
    ...["--fifo", "/tmp/fifo", "--edge", "host", "--events"],
    ...["--extcap-capture-filter", "tcp port 22"],
  ]);
  assertEquals(code, 0);
  assertEquals(calls.length, 1);
  assertEquals(cli.captures[0]!.options, {
    ...DEFAULTS,
    edges: "host",
    filter: "tcp port 22",
    events: true,
    file: "/tmp/fifo",
    quiet: true,
  });
});

pcapTest(
  "extcap prints why a filter is invalid, and nothing for a valid one",
  async () => {
    await using cli = new CliFixture();
    const check = (filter: string) =>
      cli.run([
        "--extcap-interface",
        "ipoib-ib0",
        `--extcap-capture-filter=${filter}`,
      ]);
    assertEquals((await check("icmp or mad")).out, "");
    assertStringIncludes((await check("foo")).out, 'Invalid filter "foo"');
  },
);

Deno.test("only command lines of Wireshark are taken for extcap", () => {
  assertEquals(isExtcapCall(["--extcap-interfaces"]), true);
  assertEquals(isExtcapCall(["--capture", "--extcap-interface", "x"]), true);
  assertEquals(isExtcapCall([]), false);
  assertEquals(isExtcapCall(["--capture"]), false);
  assertEquals(isExtcapCall(["link", "show", "--extcap-interfaces"]), false);
});
