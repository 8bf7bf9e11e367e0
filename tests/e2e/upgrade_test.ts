/** `ipoib upgrade`: a new process takes over the interfaces of a running one. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { fullForm } from "../../scripts/test/form.ts";
import { patient } from "../../scripts/machine.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { connect } from "../../src/system/unix_socket.ts";
import { HandoverChannel } from "../../src/daemon/restart/handover_channel.ts";
import {
  childRuns,
  configure,
  kernelState,
  ownState,
} from "./harness/configuration.ts";
import {
  exists,
  holdTakeover,
  type Host,
  labTest,
  linkAddress,
  managerPid,
  namesIn,
  pause,
  Pings,
  type Program,
  runs,
  TcpFlow,
  until,
} from "./harness/mod.ts";

const PORT = 5001;
/** Interval of the pings in milliseconds. */
const PING_MS = 10;
/** Longest time without traffic. */
const GAP_MS = 1000;

/** Upgrades the process of a host. Returns the output. Throws if the exit code is not 0. */
async function upgrade(host: Host): Promise<string> {
  const { code, stdout, stderr } = await host.ipoib("upgrade", "ib0");
  assertEquals(code, 0, `ipoib upgrade: ${stderr}`);
  return stdout;
}

/** Waits until data arrives in both directions. Throws if the connection has failed. */
async function flows(flow: TcpFlow): Promise<void> {
  const before = flow.received;
  await until("data to arrive", () => flow.received > before);
}

for (const io of ["uring", "poll"] as const) {
  const title =
    `An upgrade under a TCP stream keeps everything, and traffic stops for at most a second (--io ${io})`;
  const form = io === "poll" ? fullForm(title) : { name: title, ignore: false };
  labTest(
    form.name,
    async (lab) => {
      const [peer, host] = await lab.hosts(2);
      await peer.up();
      await host.up({ args: ["--io", io] });
      await configure(host);
      const [pid, address] = [(await host.link()).pid, await linkAddress(host)];
      const before = [await kernelState(host), await ownState(host)];

      using flow = TcpFlow.open(peer, host, PORT);
      await using pings = await Pings.start(peer, host.address, {
        interval: PING_MS / 1000,
      });
      await pings.next();
      assertMatch(
        await upgrade(host),
        /^ib0: version .+ has replaced version .+ \(pid [0-9]+\)\n$/,
      );
      await pings.next();

      await flows(flow);
      const lost = pings.longestLoss;
      assert(
        lost * PING_MS <= patient(GAP_MS),
        `no traffic for ${lost * PING_MS} ms`,
      );
      assert((await host.link()).pid !== pid);
      assertEquals((await linkAddress(host)).slice(12), address.slice(12));
      assertEquals([await kernelState(host), await ownState(host)], before);
    },
    form,
  );
}

labTest(
  "The host of the subnet manager is upgraded, and another host joins afterwards",
  async (lab) => {
    const [a, b, c] = await lab.hosts(3);
    await a.up();
    await b.up();
    const manager = await managerPid(lab);
    assertEquals(manager, a.pid);
    await upgrade(a);
    await until("another manager", async () => {
      const pid = await managerPid(lab);
      return pid !== undefined && pid !== manager;
    });
    await c.up();
    assert(await c.reaches(a));
    assert(await b.reaches(a));
    assert(await a.reaches(b));
  },
);

labTest(
  "A process in the foreground stays as the front of its successors, and exits with their code",
  async (lab) => {
    const [host] = await lab.running(1);
    const front = host.daemon;
    await upgrade(host);
    const second = (await host.link()).pid;
    await upgrade(host);
    const third = (await host.link()).pid;
    await until("the end of the second process", () => !runs(second));
    assert(!front.ended && runs(third));
    assert(await host.hasDevice("ib0"));
    // The log of the successors appears where that of the first process did.
    assertMatch(front.output, new RegExp(`pid ${third}`));

    front.kill("SIGTERM");
    assertEquals(await front.exit(), 0);
    await until("the end of the third process", () => !runs(third));
    assert(!await host.hasDevice("ib0"));
  },
);

labTest(
  "A process in the background is upgraded, keeps its log, and ends with `ipoib down`",
  async (lab) => {
    const [host] = await lab.hosts(1);
    const up = await lab.ipoib(
      ...["up", "ib0", "ib1", "--netns", host.namespace],
      ...["--hca", "soft", "--background"],
    );
    assertEquals(up.code, 0, up.stderr);
    const before = (await host.link()).pid;
    await upgrade(host);
    const after = (await host.link()).pid;
    await until("the end of the old process", () => !runs(before));
    const log = await Deno.readTextFile(host.logFile);
    assertMatch(log, new RegExp(`process ${after} .* has taken over`));
    // The log has the start of the new process too.
    for (const name of ["ib0", "ib1"]) {
      assertMatch(log, new RegExp(` ${name}: on the .*, pid ${after}$`, "m"));
    }
    for (const name of ["ib0", "ib1"]) {
      assert(await host.hasDevice(name));
      assertEquals((await host.ipoib("down", name)).code, 0);
      assert(!await host.hasDevice(name));
    }
    await until("the end of the new process", () => !runs(after));
    assert(!namesIn(lab.runtime).some((name) => name.endsWith(".handover")));
  },
);

/** A process that takes part in a handover up to some point, and then ends. */
async function successor(
  socket: string,
  interfaces = 1,
): Promise<HandoverChannel> {
  const fd = connect(socket);
  assert(fd);
  const channel = new HandoverChannel(fd);
  await channel.send({
    ...{ type: "hello", version: "9.9", pid: Deno.pid, formats: [1] },
  });
  const { fds } = await channel.receive(["process"], patient(5000));
  fds.forEach((each) => each.close());
  for (let i = 0; i < interfaces; i++) {
    const named = await channel.receive(["interface"], patient(5000));
    named.fds.forEach((each) => each.close());
  }
  return channel;
}

/** Receives the records and the devices of all interfaces, and closes the devices. */
async function devices(channel: HandoverChannel): Promise<void> {
  for (;;) {
    const { message, fds } = await channel.receive(
      ["text", "devices", "released"],
      patient(5000),
    );
    fds.forEach((each) => each.close());
    if (message.type === "released") return;
  }
}

labTest(
  "A new process that ends before or after the release has no effect: the old one goes on",
  async (lab) => {
    const [peer, host] = await lab.running(2);
    await configure(host);
    const { pid } = await host.link();
    const before = [await kernelState(host), await ownState(host)];
    using flow = TcpFlow.open(peer, host, PORT);

    // Ends before it is ready.
    const { socket } = await host.call("upgrade", {});
    (await successor(socket))[Symbol.dispose]();
    await host.daemon.prints(/Upgrade failed: The other process ended/);
    assert(await peer.reaches(host));

    // Reports a failure after the release.
    const again = await host.call("upgrade", {});
    using channel = await successor(again.socket);
    await channel.send({ type: "ready" });
    await devices(channel);
    await channel.send({ type: "failed", message: "No such port" });
    await host.daemon.prints(/Upgrade failed: No such port/);
    await until(
      "the interface to run",
      async () =>
        (await host.link().catch(() => undefined))?.state === "running",
    );
    await until(
      "the child to run",
      () => childRuns(host),
    );
    await flows(flow);
    assertEquals((await host.link()).pid, pid);
    assertEquals([await kernelState(host), await ownState(host)], before);

    // A real one afterwards.
    await upgrade(host);
    await flows(flow);
    assertEquals([await kernelState(host), await ownState(host)], before);
  },
);

labTest(
  "A new process that cannot start prints the reason, and the old one goes on",
  async (lab) => {
    const [host] = await lab.running(1);
    const { pid } = await host.link();
    const { code, stderr } = await host.run([
      "sh",
      "-c",
      `ulimit -n 40 && exec "$@"`,
      "sh",
      ...[...programCommand(), "upgrade", "ib0", "-n", host.namespace],
    ], { env: lab.env });
    assertEquals(code, 2);
    assertMatch(stderr, /needs [0-9]+ open files/);
    assertEquals((await host.link()).pid, pid);
    await pause(100);
    assertEquals((await host.link()).state, "running");
  },
);

/** Starts an upgrade, whose new process waits for a stopped subnet manager. Returns also the PID of that process. */
async function waitingUpgrade(
  host: Host,
  manager: Host,
): Promise<{ command: Program; pid: number }> {
  manager.daemon.kill("SIGSTOP");
  const command = host.lab.start([
    ...[...programCommand(), "upgrade", "ib0", "-n", host.namespace],
  ]);
  const [, pid] = await command.prints(/ib0: on the .*, pid ([0-9]+)\n/);
  return { command, pid: Number(pid) };
}

for (const args of [[], ["--persist"]]) {
  labTest(
    `A signal to a new process that waits has no effect, and one to the old process deletes its devices (options: ${
      args.join() || "none"
    })`,
    async (lab) => {
      const [manager, host] = await lab.hosts(2);
      await manager.up();
      await host.up({ args });
      await configure(host);
      const { pid } = await host.link();
      const before = [await kernelState(host), await ownState(host)];
      // On a slow machine an upgrade takes longer than a manager may be silent.
      using _takeover = holdTakeover(lab);

      const first = await waitingUpgrade(host, manager);
      Deno.kill(first.pid, "SIGTERM");
      assertEquals(await first.command.exit(), 2);
      manager.daemon.kill("SIGCONT");
      await host.daemon.prints(
        /Upgrade failed: .* stopped during the takeover/,
      );
      await until(
        "the interface to run",
        async () =>
          (await host.link().catch(() => undefined))?.state === "running",
      );
      await until("the child to run", () => childRuns(host));
      assertEquals((await host.link()).pid, pid);
      assertEquals([await kernelState(host), await ownState(host)], before);
      assert(await manager.reaches(host));

      const second = await waitingUpgrade(host, manager);
      if (args.length === 0) host.daemon.kill("SIGTERM");
      else assertEquals((await host.ipoib("down", "ib0")).code, 0);
      assertEquals(await host.daemon.exit(), 0);
      assertEquals(await second.command.exit(), 2);
      assertMatch(second.command.output, /ib0 was stopped during the takeover/);
      assert(!runs(second.pid));
      for (const name of ["ib0", "ib0.8001"]) {
        assert(!await host.hasDevice(name));
      }
      // Without a record of the interface.
      assert(!exists(host.sockets));
      manager.daemon.kill("SIGCONT");
    },
  );
}

labTest(
  "If one of several interfaces is stopped during a takeover, the old process goes on with the others",
  async (lab) => {
    const [host] = await lab.hosts(1);
    await host.up({ args: ["ib1"] });
    const { socket } = await host.call("upgrade", {});
    using channel = await successor(socket, 2);
    await channel.send({ type: "ready" });
    await devices(channel);
    const down = host.ipoib("down", "ib1");
    down.catch(() => {});
    await assertRejects(
      () => channel.receive(["accepted"], patient(5000)),
      IpoibError,
      "ib1 was stopped during the takeover",
    );
    await channel.send({ type: "failed", message: "Closed" });
    assertEquals((await down).code, 0);
    assert(!await host.hasDevice("ib1"));
    assert(await host.hasDevice("ib0"));
    await until(
      "the interface to run",
      async () =>
        (await host.link().catch(() => undefined))?.state === "running",
    );
    assertEquals((await host.link()).pid, host.pid);
  },
);
