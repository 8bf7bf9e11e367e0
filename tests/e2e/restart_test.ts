/** Interfaces that outlive a killed process: `ipoib up --persist`, and the descriptor store of a service manager. */

import { fullForm } from "../../scripts/test/form.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { Fd, openSocket, setInheritable } from "../../src/system/fd.ts";
import { receive, unixAddress } from "../../src/system/unix_socket.ts";
import { unwrap } from "../../src/system/errno.ts";
import { programCommand } from "../../scripts/program.ts";
import {
  childRuns,
  configure,
  kernelState,
  ownState,
} from "./harness/configuration.ts";
import {
  type Host,
  type Lab,
  labTest,
  namesIn,
  type Program,
  socketsIn,
  until,
} from "./harness/mod.ts";

/** Runs the program with a limit on the size of files that is too low for the memory of packets. */
const WITHOUT_MEMORY = [
  ...["sh", "-c", `trap "" XFSZ && ulimit -f 1000 && exec "$@"`, "sh"],
  ...programCommand(),
];

/** Kills the process of a host. */
async function kill(host: Host): Promise<void> {
  host.daemon.kill("SIGKILL");
  await host.daemon.exit();
}

/** What outlives the process: the changes of the carrier do not count. */
async function lasting(host: Host): Promise<unknown> {
  const { carrierChanges: _, ...kernel } = await kernelState(host);
  return [kernel, await ownState(host)];
}

/** Starts a host whose configured interface outlives its process, and a peer. Returns what is to outlive it. */
async function persistent(lab: Lab) {
  const [peer, host] = await lab.hosts(2);
  const args = ["--persist"];
  await Promise.all([peer.up(), host.up({ args })]);
  await configure(host);
  return { peer, host, args, before: await lasting(host) };
}

async function runAgain(host: Host, start: () => Promise<unknown>) {
  await start();
  await until(
    "the child to run",
    () => childRuns(host),
  );
}

labTest(
  "With --persist, a killed process leaves its interfaces, and the next one takes them over with their configuration",
  async (lab) => {
    const { peer, host, args, before } = await persistent(lab);

    await kill(host);
    await until(
      "the loss of carrier",
      async () => (await host.ip("link", "show", "ib0")).includes("NO-CARRIER"),
    );
    assertMatch(await host.ip("route"), /10.77.0.0\/16 via 10.9.0.99 dev ib0/);
    const shown = await host.ipoib("link", "show", "ib0");
    assertEquals(shown.code, 3);
    assertMatch(
      shown.stderr,
      /ib0 is not running \(its process has left the network device: ipoib -n \S+ up ib0 takes it over, ipoib -n \S+ down ib0 deletes it\)/,
    );

    await runAgain(host, () => host.up({ args }));
    assertEquals(await lasting(host), before);
    assert(await host.reaches(peer));
    assert(await peer.reaches(host));
  },
);

labTest(
  "A process that cannot start leaves what an earlier one has left to the next one",
  async (lab) => {
    const { host, args, before } = await persistent(lab);
    await kill(host);
    for (const other of [args, []]) {
      const refused = await host.up({
        command: WITHOUT_MEMORY,
        ...{ args: other, wait: false },
      });
      assertEquals(await refused.exit(), 2, refused.output);
    }
    await runAgain(host, () => host.up({ args }));
    assertEquals(await lasting(host), before);
  },
);

const leftByAnother = fullForm(
  "A process without --persist takes over what another has left, and leaves nothing itself",
);

labTest(
  leftByAnother.name,
  async (lab) => {
    const [host] = await lab.running(1, ["--persist"]);
    await host.ipoib("child", "create", "0x8001", "dev", "ib0");
    const ifindex = await host.ifindex();
    await kill(host);
    await host.up();
    assertEquals(await host.ifindex(), ifindex);
    assertEquals((await host.call("child.list", {})).length, 1);
    await kill(host);
    for (const name of ["ib0", "ib0.8001"]) {
      await until(
        `the end of ${name}`,
        async () => !await host.hasDevice(name),
      );
    }
    assert(!namesIn(host.sockets).includes("ib0.state"));
  },
  leftByAnother,
);

labTest(
  "`ipoib down` deletes the interfaces of a process with --persist, also after it was killed",
  async (lab) => {
    const [host] = await lab.running(1, ["--persist"]);
    const child = () => host.ipoib("child", "create", "0x8001", "dev", "ib0");
    assertEquals((await child()).code, 0);
    await kill(host);
    assert(await host.hasDevice("ib0.8001"));
    await until(
      "the end of the attachment",
      async () => (await host.ipoib("down", "ib0")).code === 0,
    );
    for (const name of ["ib0", "ib0.8001"]) {
      assert(!await host.hasDevice(name));
    }
    assertEquals(socketsIn(host.sockets), []);
    assertEquals((await host.ipoib("down", "ib0")).code, 3);

    await host.up({ args: ["--persist"] });
    assertEquals((await child()).code, 0);
    assertEquals((await host.ipoib("down", "ib0")).code, 0);
    assertEquals(await host.daemon.exit(), 0);
    assert(!await host.hasDevice("ib0") && !await host.hasDevice("ib0.8001"));
  },
);

labTest(
  "A child that a killed process has left belongs to its parent: `up` of its name is refused, and `down` deletes it for good",
  async (lab) => {
    const args = ["--persist"];
    const [host] = await lab.running(1, args);
    for (const pkey of ["0x8001", "0x8002"]) {
      const created = await host.ipoib("child", "create", pkey, "dev", "ib0");
      assertEquals(created.code, 0, created.stderr);
    }
    await host.ip("addr", "add", "10.9.1.1/24", "dev", "ib0.8001");
    await host.ip("link", "set", "ib0.8001", "up");
    await until("the child to run", () => childRuns(host));
    await kill(host);
    const shown = await host.ipoib("link", "show", "ib0.8001");
    assertMatch(
      shown.stderr,
      /\(its process has left the network device, a child of ib0: ipoib -n \S+ up ib0 takes it over, ipoib -n \S+ down ib0.8001 deletes it\)/,
    );
    assertMatch(
      (await host.ipoib("link")).stderr,
      /^ipoib: No interface is running in this network namespace \(killed processes have left ib0: ipoib -n \S+ up ib0 takes it over/,
    );
    const up = await host.ipoib("up", "ib0.8001", "--hca", "soft", ...args);
    assertEquals(up.code, 2);
    assertMatch(
      up.stderr,
      /ib0.8001 is a child of ib0, whose process has left it \(ipoib up ib0 takes it over, ipoib down ib0.8001 deletes it\)/,
    );
    assert(!namesIn(host.sockets).includes("ib0.8001.state"));

    await until(
      "the end of the attachment",
      async () => (await host.ipoib("down", "ib0.8002")).code === 0,
    );
    assert(!await host.hasDevice("ib0.8002"));
    await host.up({ args });
    await until("the child to run", () => childRuns(host));
    const children = await host.call("child.list", {});
    assertEquals(children.map(({ ifname }) => ifname), ["ib0.8001"]);
    assertMatch(await host.ip("addr", "show", "ib0.8001"), /10\.9\.1\.1/);
  },
);

const changedOptions = fullForm(
  "Options of `up` that the user has changed apply to the parent after a restart",
);

labTest(
  changedOptions.name,
  async (lab) => {
    const [host] = await lab.running(1, ["--persist"]);
    const set = await host.ipoib("link", "set", "ib0", "umcast", "1");
    assertEquals(set.code, 0, set.stderr);
    await kill(host);
    await host.up({ args: ["--persist", "--mtu", "1400"] });
    const { mtu, linkinfo } = await host.link();
    assertEquals([mtu, linkinfo.info_data.umcast], [1400, "0000"]);
  },
  changedOptions,
);

labTest(
  "The process of an upgrade has the options of the first one: after its kill the settings are restored",
  async (lab) => {
    const args = ["--persist", "--hca", "auto"];
    const [host] = await lab.running(1, args);
    for (const words of ["link set ib0 umcast 1", "upgrade ib0"]) {
      const { code, stderr } = await host.ipoib(...words.split(" "));
      assertEquals(code, 0, stderr);
    }
    Deno.kill((await host.link()).pid, "SIGKILL");
    await host.daemon.exit();
    await host.up({ args });
    assertEquals((await host.link()).linkinfo.info_data.umcast, "0001");
  },
);

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;

/** A service manager with a descriptor store, as far as a unit uses it (sd_notify(3)). */
class ServiceManager implements Disposable {
  readonly states: string[] = [];
  readonly #lab: Lab;
  readonly #path: string;
  readonly #socket: Fd;
  readonly #store = new Map<string, Fd>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#path = `${lab.runtime}/notify`;
    this.#socket = openSocket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    const address = unixAddress(this.#path);
    unwrap(
      libc().bind(this.#socket.number, address, address.length),
      "E_TEST",
      "bind",
    );
    this.#timer = setInterval(() => this.#take(), 5);
  }

  /** Names of the stored descriptors. */
  get stored(): string[] {
    return [...this.#store.keys()].sort();
  }

  /** Starts the program with the stored descriptors. */
  start(...words: string[]): Program {
    return this.run(programCommand(), ...words);
  }

  /** Starts a command that runs the program, with the stored descriptors. */
  run(command: readonly string[], ...words: string[]): Program {
    const fds = [...this.#store];
    // The descriptors are made 3, 4, ... from high numbers, which they do not overlap.
    const redirections = fds.map(([, { number }], i) => `${3 + i}<&${number}`);
    const script = [
      `export NOTIFY_SOCKET=${this.#path} LISTEN_PID=$$`,
      `export LISTEN_FDS=${fds.length}`,
      `export LISTEN_FDNAMES=${fds.map(([name]) => name).join(":")}`,
      fds.length > 0 ? `exec ${redirections.join(" ")}` : ":",
      `exec "$@"`,
    ].join("; ");
    for (const [, { number }] of fds) setInheritable(number, true);
    const program = this.#lab.start(
      ["bash", "-c", script, "bash", ...command, ...words],
    );
    for (const [, { number }] of fds) setInheritable(number, false);
    return program;
  }

  /** Stops the unit: closes all descriptors. */
  drop(): void {
    for (const fd of this.#store.values()) fd.close();
    this.#store.clear();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.drop();
    this.#socket.close();
  }

  #take(): void {
    for (;;) {
      const received = receive(this.#socket.number);
      if (received.type !== "message") return;
      const text = new TextDecoder().decode(received.bytes);
      const name = /^FDNAME=(.*)$/m.exec(text)?.[1] ?? "";
      if (/^FDSTORE=1$/m.test(text)) {
        this.#store.get(name)?.close();
        this.#store.set(name, received.fds[0]!);
      } else if (/^FDSTOREREMOVE=1$/m.test(text)) {
        this.#store.get(name)?.close();
        this.#store.delete(name);
      } else this.states.push(text);
    }
  }
}

labTest(
  "Under a service manager with a descriptor store, interfaces outlive a killed and a restarted process with carrier",
  async (lab) => {
    const [host] = await lab.hosts(1);
    using manager = new ServiceManager(lab);
    const words = ["up", "ib0", "--netns", host.namespace, "--hca", "soft"];
    const start = async () => {
      host.daemon = manager.start(...words);
      await host.ready();
    };
    await start();
    await configure(host);
    const before = [await kernelState(host), await ownState(host)];
    assertEquals(manager.stored, ["ib0.2", "ib0.8001.3"]);
    assert(manager.states.includes("READY=1"));

    await kill(host);
    await runAgain(host, start);
    assertEquals([await kernelState(host), await ownState(host)], before);
    assertEquals(manager.stored, ["ib0.2", "ib0.8001.3"]);

    // A process that cannot start keeps them too.
    await kill(host);
    host.daemon = manager.run(WITHOUT_MEMORY, ...words);
    assertEquals(await host.daemon.exit(), 2, host.daemon.output);
    await runAgain(host, start);
    assertEquals([await kernelState(host), await ownState(host)], before);

    // `systemctl restart` stops the process with SIGTERM, and keeps the descriptors.
    host.daemon.kill("SIGTERM");
    assertEquals(await host.daemon.exit(), 0);
    await runAgain(host, start);
    assertEquals([await kernelState(host), await ownState(host)], before);

    // A deleted child leaves the store, and `systemctl stop` empties it.
    await host.ipoib("child", "delete", "0x8001", "dev", "ib0");
    await until(
      "the removal from the store",
      () => manager.stored.length === 1,
    );
    host.daemon.kill("SIGTERM");
    await host.daemon.exit();
    assert(await host.hasDevice("ib0"));
    manager.drop();
    await until(
      "the end of the interface",
      async () => !await host.hasDevice("ib0"),
    );

    // A new start begins without what the earlier process has stored.
    await start();
    assertEquals(await host.call("child.list", {}), []);
    assertEquals((await host.ipoib("down", "ib0")).code, 0);
    await host.daemon.exit();
    assertEquals(manager.stored, []);
    assert(!await host.hasDevice("ib0"));
  },
);
