/** The words, the text and the JSON of `ipoib monitor` and `ipoib events`, and what they follow. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { EventRecord } from "../../src/base/events.ts";
import { parseEventWords } from "../../src/cli/event_words.ts";
import { parseSince } from "../../src/cli/since.ts";
import { EventHistory } from "../../src/daemon/event_history.ts";
import { until } from "../e2e/harness/until.ts";
import { CliFixture, forceColors } from "./support.ts";

/** 2026-01-31T12:00:00.250 local time. */
const TIME = new Date(2026, 0, 31, 12, 0, 0, 250).getTime();

function state(now: string, time = TIME, ifname = "ib0"): EventRecord {
  return {
    "time_ms": time,
    ifname,
    kind: "link",
    event: "state",
    subject: ifname,
    old: "starting",
    new: now,
    cause: "test",
  };
}

const FAILED: EventRecord = {
  "time_ms": TIME + 1,
  ifname: "ib0",
  kind: "neigh",
  event: "failed",
  subject: "10.9.0.2",
  old: "80:00",
  cause: "no answer to neighbour probes",
};

/** Starts a fake process with these events. */
async function daemon(
  cli: CliFixture,
  name: string,
  events: readonly EventRecord[] = [],
  netns?: string,
): Promise<EventHistory> {
  const history = new EventHistory();
  for (const event of events) history.add(event);
  await cli.daemon(name, {
    handlers: history.handlers(),
    ...(netns === undefined ? {} : { netns }),
  });
  return history;
}

/** Resolves when a monitor begins to follow the events. */
function followed(history: EventHistory): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const follow = history.follow.bind(history);
  history.follow = (...words) => {
    resolve();
    return follow(...words);
  };
  return promise;
}

/** Adds events until `ends` is true, because the moment at which a monitor begins to follow is not known. */
async function keepAdding(ends: () => boolean, add: () => void): Promise<void> {
  await until("the end of the monitor", () => {
    if (ends()) return true;
    add();
    return false;
  });
}

Deno.test("an interface and kinds may have any order, and kinds may be abbreviated", () => {
  const all = undefined;
  for (
    const [line, name, kinds] of [
      ["", undefined, all],
      ["ib0", "ib0", all],
      ["dev link", "link", all],
      ["neigh ib0 path", "ib0", ["neigh", "path"]],
      ["f dev n", "n", ["fabric"]],
      ["all", undefined, all],
      ["l n p g f", undefined, all],
    ] as const
  ) {
    const words = line.split(" ").filter((word) => word !== "");
    const kindList = kinds && [...kinds];
    const { otherwise: _, ...parsed } = parseEventWords(words);
    assertEquals(parsed, { name, kinds: kindList }, line);
  }
  for (const words of [["ib0", "ib1"], ["dev"], ["ib0", "links"]]) {
    assertThrows(() => parseEventWords(words));
  }
});

Deno.test("--since takes an age, a time of day, a date, and both", () => {
  const now = new Date(2026, 0, 31, 12, 30).getTime();
  const at = (...parts: [number, number, number, number?, number?]) =>
    new Date(...parts).getTime();
  for (
    const [text, expected] of [
      ["90s", now - 90_000],
      ["1.5h", now - 5_400_000],
      ["15m", now - 900_000],
      ["15min", now - 900_000],
      ["2d", now - 2 * 86_400_000],
      ["12:00", at(2026, 0, 31, 12)],
      ["9:05:01", at(2026, 0, 31, 9, 5) + 1000],
      ["13:00", at(2026, 0, 30, 13)],
      ["2026-01-02", at(2026, 0, 2)],
      ["2026-01-02 03:04", at(2026, 0, 2, 3, 4)],
      ["2026-01-02T03:04:05.5", at(2026, 0, 2, 3, 4) + 5500],
      ["2026-01-02T03:04Z", Date.UTC(2026, 0, 2, 3, 4)],
    ] as const
  ) assertEquals(parseSince(text, now), expected, text);
  for (const text of ["", "3", "h", "25:00", "2026-13-01", "-1h", "now"]) {
    assertThrows(() => parseSince(text, now));
  }
});

Deno.test("events of all interfaces of the namespace are printed by their times", async () => {
  await using cli = new CliFixture();
  await daemon(cli, "ib0", [state("running"), FAILED]);
  await daemon(cli, "ib1", [state("running", TIME - 1000, "ib1")]);
  assertEquals(await cli.run("events"), {
    code: 0,
    err: "",
    out: `\
[2026-01-31T11:59:59.250] ib1 link state: starting -> running, cause: test
[2026-01-31T12:00:00.250] ib0 link state: starting -> running, cause: test
[2026-01-31T12:00:00.251] ib0 neigh failed 10.9.0.2: was 80:00, cause: no answer to neighbour probes
`,
  });
  const { out } = await cli.run("-j events ib0 neigh");
  const { "time_ms": _time, ...members } = FAILED;
  const time = new Date(TIME + 1).toISOString();
  assertEquals(JSON.parse(out), [{ time, ...members }]);
  const since = await cli.run("events --since 2026-01-31T12:00:00.251");
  assertEquals(since.out.split("\n").length, 2);
  assertEquals((await cli.run("events --since 1d")).out, "");
});

/** The initial namespace and another one of the fixture. */
const INITIAL = 4026531840;
const BLUE = 4026532281;

/** Events of a parent, of two children in containers, of which one has gone, and of the port. */
function eventsEverywhere(): EventRecord[] {
  const child = state("running", TIME + 1, "eth0");
  return [
    { ...state("running"), namespace: INITIAL },
    { ...child, namespace: BLUE },
    { ...child, "time_ms": TIME + 2, new: "gone", namespace: 0 },
    { ...FAILED, "time_ms": TIME + 3, kind: "fabric", namespace: INITIAL },
  ];
}

/** Starts a fake process that has them. A named child is looked up in namespace blue. */
async function daemonEverywhere(cli: CliFixture): Promise<EventHistory> {
  const history = new EventHistory();
  eventsEverywhere().forEach((each) => history.add(each));
  const handlers = history.handlers({
    find: (name = "ib0", namespace = BigInt(INITIAL)) => ({ name, namespace }),
  });
  await cli.daemon("ib0", { handlers, moved: { blue: "eth0" } });
  return history;
}

Deno.test("events of a namespace are those of its interfaces and the port; -a prints each event once, in its namespace", async () => {
  await using cli = new CliFixture();
  await daemonEverywhere(cli);
  const text = async (line: string) =>
    (await cli.run(line)).out.replaceAll(
      /\[2026[^\]]*\] |, cause: [^\n]*/g,
      "",
    );
  const fabric = "ib0 fabric failed 10.9.0.2: was 80:00\n";
  const running = "link state: starting -> running\n";
  assertEquals(await text("events"), `ib0 ${running}${fabric}`);
  assertEquals(await text("-n blue events"), `eth0 ${running}${fabric}`);
  assertEquals(
    await text("-a events"),
    `netns: (initial)\nib0 ${running}${fabric}` +
      `netns: blue\neth0 ${running}` +
      "netns: (left)\neth0 link state: starting -> gone\n",
  );
  const { out } = await cli.run("-a -j events link");
  assertEquals(
    JSON.parse(out).map((
      { netns, ifname }: EventRecord & { netns?: string },
    ) => [netns, ifname]),
    [[undefined, "ib0"], ["blue", "eth0"], [undefined, "eth0"]],
  );
});

Deno.test("monitor follows the events of its namespace, with -a those of all, labelled with the namespace of each", async () => {
  for (
    const [line, expected] of [
      ["monitor", ["ib0 link", "ib0 fabric"]],
      ["-n blue monitor", ["eth0 link", "ib0 fabric"]],
      ["-a monitor", [
        "[netns (initial)] ib0 link",
        "[netns blue] eth0 link",
        "[netns (left)] eth0 link",
        "[netns (initial)] ib0 fabric",
      ]],
    ] as const
  ) {
    await using cli = new CliFixture();
    const history = await daemonEverywhere(cli);
    let done = false;
    cli.outEnded = (out) => done = out.includes("fabric");
    const begun = followed(history);
    const running = cli.run(line);
    await begun;
    await keepAdding(
      () => done,
      () => eventsEverywhere().forEach((each) => history.add(each)),
    );
    const { out } = await running;
    const lines = out.trimEnd().split("\n")
      .map((each) => each.replace(/( link| fabric) .*/, "$1"));
    assertEquals(lines, [...expected], line);
  }
});

Deno.test("events refuse a wrong word and a wrong time, and say that an interface is not running", async () => {
  await using cli = new CliFixture();
  assertEquals((await cli.run("events")).code, 3);
  await daemon(cli, "ib0");
  const word = await cli.run("events ib0 nothing");
  assertEquals(word.code, 1);
  assert(word.err.includes('Word "nothing" is not valid'), word.err);
  const time = await cli.run("events --since yesterday");
  assertEquals(time.code, 1);
  assert(time.err.includes("it must be an age"), time.err);
  for (const command of ["events", "monitor"]) {
    const { code, err } = await cli.run(`${command} dev ib7`);
    assertEquals(code, 3);
    assert(err.includes("ib7 is not running"), err);
  }
});

Deno.test("monitor follows the interfaces of the namespace, and one that appears later from its beginning", async () => {
  await using cli = new CliFixture();
  const first = await daemon(cli, "ib0", [state("old")]);
  let done = false;
  cli.outEnded = (out) => done = /ib1.*first/.test(out) && /ib0/.test(out);
  const begun = followed(first);
  const running = cli.run("monitor link");
  await begun;
  first.add(FAILED);
  await daemon(cli, "ib1", [state("first", Date.now(), "ib1")]);
  await keepAdding(() => done, () => first.add(state("running")));
  const { code, out, err } = await running;
  assertEquals([code, err], [0, ""]);
  assert(!out.includes("old") && !out.includes("neigh"), out);
  assert(out.startsWith("ib0 link state: starting -> running, cause: test\n"));
});

Deno.test("monitor omits no event of a process that has taken the place of another, also one from before the end of that", async () => {
  await using cli = new CliFixture();
  const old = await daemon(cli, "ib0");
  let done = false;
  cli.outEnded = (out) => done = out.includes("last");
  const begun = followed(old);
  const running = cli.run("monitor");
  await begun;
  // As in an upgrade, in which the new process begins before the old one has ended.
  const first = state("first", Date.now());
  await until("a later time", () => Date.now() > first.time_ms);
  assertEquals((await cli.run("down ib0")).code, 0);
  const next = await daemon(cli, "ib0", [first]);
  await keepAdding(() => done, () => next.add(state("last", Date.now())));
  const { out } = await running;
  assertEquals(out.split(" -> first").length, 2, out);
});

Deno.test("monitor prints JSON lines, times and colors if asked to", async () => {
  using _colors = forceColors();
  for (
    const [line, expected] of [
      ["monitor -j", `{"time":"${new Date(TIME).toISOString()}",`],
      ["-t monitor", "[2026-01-31T12:00:00.250] ib0 link state: "],
      ["-c monitor", "\x1b[36mib0\x1b[39m link state: starting -> \x1b[32m"],
    ] as const
  ) {
    await using cli = new CliFixture();
    const history = await daemon(cli, "ib0");
    let done = false;
    cli.outEnded = (out) => done = out !== "";
    const running = cli.run(line);
    await keepAdding(() => done, () => history.add(state("running")));
    const { out } = await running;
    assert(out.startsWith(expected), out);
  }
});

Deno.test("monitor says that a process has ended without notice, and waits if no interface runs", async () => {
  await using cli = new CliFixture();
  let done = false;
  cli.outEnded = (out) => done = out.includes("ib0");
  const running = cli.run("monitor");
  await new Promise((resolve) => setTimeout(resolve, 100));
  // A process whose stream ends without a reply.
  const path = `${cli.runtime}/ib0.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  const conn = await listener.accept();
  await conn.read(new Uint8Array(1000));
  conn.close();
  await keepAdding(() => done, () => {});
  const { code, out, err } = await running;
  assertEquals(code, 0);
  assertEquals(
    out,
    "ib0 link deleted, cause: the connection to its process has ended\n",
  );
  assertEquals(
    err,
    "ipoib: No interface is running in this network namespace: waiting for one\n",
  );
});

Deno.test("monitor prints the first events of the process that replaces a killed one", async () => {
  await using cli = new CliFixture();
  let done = false;
  cli.outEnded = (out) => done = out.includes("later");
  const path = `${cli.runtime}/ib0.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const running = cli.run("monitor");
  const conn = await listener.accept();
  await conn.read(new Uint8Array(1000));
  // The new process begins before the monitor notices the end of the old one.
  const begunAt = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  listener.close();
  conn.close();
  const history = await daemon(cli, "ib0", [state("first", begunAt)]);
  await keepAdding(() => done, () => history.add(state("later", Date.now())));
  const { out } = await running;
  assert(out.includes("starting -> first,"), out);
});

Deno.test("monitor continues after the last event if the process has ended the stream", async () => {
  await using cli = new CliFixture();
  cli.outEnded = (out) => out.includes("second");
  let streams = 0;
  const calls = await cli.daemon("ib0", {
    handlers: {
      "events.watch": async (_selection, { send, sent }) => {
        const now = ["first", "second"][streams++]!;
        send(state(now, TIME + streams));
        await sent();
        throw new IpoibError("E_IPC_BUSY", "ib0 closed the connection");
      },
    },
  });
  await cli.run("monitor");
  const [first, second] = calls.map(([, params]) => params);
  assertEquals([first, second], [{}, { since: TIME + 2 }]);
});

Deno.test("monitor -a names the namespace of each event", async () => {
  await using cli = new CliFixture();
  const history = await daemon(cli, "ib0", [], "blue");
  let done = false;
  cli.outEnded = (out) => done = out !== "";
  const running = cli.run("monitor -a");
  await keepAdding(() => done, () => history.add(state("running")));
  const { out } = await running;
  assert(out.startsWith("[netns blue] ib0 link state: "), out);
});

Deno.test("monitor -a follows a child that was named", async () => {
  await using cli = new CliFixture();
  const history = new EventHistory();
  await cli.daemon("ib0", {
    handlers: history.handlers(),
    children: ["ib0.8001"],
  });
  let done = false;
  cli.outEnded = (out) => done = out !== "";
  const running = cli.run("monitor -a ib0.8001");
  await keepAdding(() => done, () => {
    history.add(state("parent"));
    history.add(state("child", TIME, "ib0.8001"));
  });
  const { out } = await running;
  assertEquals(
    out.split("\n")[0],
    "[netns (initial)] ib0.8001 link state: starting -> child, cause: test",
  );
});

Deno.test("a process of a version without events is named once, and other interfaces are followed", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const history = await daemon(cli, "ib1");
  let done = false;
  cli.outEnded = (out) => done = out !== "";
  const running = cli.run("monitor");
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await keepAdding(
    () => done,
    () => history.add(state("running", TIME, "ib1")),
  );
  const { err } = await running;
  assertEquals(
    err,
    'ipoib: Unknown method "events.watch" (the running process may have another version than this program)\n',
  );
});

Deno.test("the events of a subnet manager are printed and followed, by the name of the subnet", async () => {
  await using cli = new CliFixture();
  assertEquals((await cli.run("subnet events")).code, 3);
  const event: EventRecord = {
    "time_ms": TIME,
    ifname: "subnet lab",
    kind: "fabric",
    event: "member",
    subject: "port 0x1 (ib0)",
    new: "lid 0x0002",
  };
  const line = "subnet lab fabric member port 0x1 (ib0): lid 0x0002\n";
  const history = new EventHistory();
  history.add(event);
  await cli.subnet("lab", history.handlers());
  for (const words of ["subnet events", "subnet ev lab --since 2026-01-31"]) {
    const { code, out } = await cli.run(words);
    assertEquals([code, out], [0, `[2026-01-31T12:00:00.250] ${line}`]);
  }
  let done = false;
  cli.outEnded = (out) => done = out !== "";
  for (const words of ["subnet monitor", "su mon lab"]) {
    done = false;
    const running = cli.run(words);
    await keepAdding(() => done, () => history.add(event));
    const { out } = await running;
    assert(out.startsWith(line), out);
  }
});
