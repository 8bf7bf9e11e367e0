/** `ipoib monitor` and `ipoib events`: changes have events with their causes, live and afterwards (faults: walk_through_test.ts). */

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertMatch,
} from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { programCommand } from "../../scripts/program.ts";
import {
  createChild,
  fault,
  GUIDS,
  type Host,
  type Lab,
  labTest,
  linkAddress,
  must,
  onTerminal,
  type Program,
  shellLine,
  startManager,
  until,
} from "./harness/mod.ts";

/** Starts `ipoib monitor WORDS...`, which follows all interfaces of the lab that run. */
async function startMonitor(lab: Lab, ...words: string[]): Promise<Program> {
  const monitor = lab.start([...programCommand(), "monitor", "-a", ...words]);
  // Any event shows that the monitor follows.
  await until("the first event in the monitor", async () => {
    await makeEvent(lab);
    return monitor.output !== "";
  });
  await fault(lab, "clear");
  return monitor;
}

/** Causes an event of every port: a packet fault that has no effect. */
async function makeEvent(lab: Lab): Promise<void> {
  const mbit = 100_000 + Math.floor(Math.random() * 100_000);
  await fault(lab, "set", "rate", `${mbit}mbit`);
}

/** Waits until a monitor has printed an event of a host. */
async function prints(
  monitor: Program,
  host: Host,
  event: string,
): Promise<void> {
  const line = new RegExp(`\\[netns ${host.namespace}\\] ${event}`);
  await monitor.prints(line);
}

const GROUP = "broadcast group ff12:401b:ffff::ffff:ffff";

labTest(
  "monitor and events have the changes of the port, of neighbours, of the manager and of interfaces, with causes",
  async (lab) => {
    await startManager(lab);
    const [a, b] = await lab.hosts(2);
    await Promise.all(
      [a, b].map((host, i) => host.up({ args: ["--guid", GUIDS[i]!] })),
    );
    await until("a to reach b", () => a.reaches(b));
    const monitor = await startMonitor(lab, "-t");
    const seen = (host: Host, event: string) => prints(monitor, host, event);

    // The cable.
    await fault(lab, "port", GUIDS[0], "down");
    const inactive = "cause: the port is no longer active";
    await seen(
      a,
      `ib0 fabric port soft:default/1: active -> down, ${inactive}`,
    );
    await seen(
      a,
      `ib0 link state: running -> waiting for the port \\(down\\), ${inactive}`,
    );
    await fault(lab, "port", GUIDS[0], "up");
    await seen(a, "ib0 fabric port soft:default/1: down -> active, cause: ");
    await seen(
      a,
      `ib0 link state: waiting to join the ${GROUP} -> running, cause: the broadcast group was joined`,
    );

    // Another LID.
    await fault(lab, "port", GUIDS[0], "lid", "0x55");
    await seen(
      a,
      "ib0 fabric lid .*: 0x\\w+ -> 0x0055, cause: the LID of the port changed",
    );

    // A child, and another MTU.
    const child = await createChild(a, "0x8001", "10.9.11.1/24");
    await seen(a, `${child} group joined ff12:401b:8001::ffff:ffff: `);
    await a.ip("link", "set", "ib0", "mtu", "1400");
    await seen(a, "ib0 link mtu: 2044 -> 1400, cause: set on the device");

    // A peer that has stopped.
    await until("a to reach b", () => a.reaches(b));
    b.daemon.kill("SIGSTOP");
    await a.ip("neigh", "flush", "dev", "ib0");
    await a.reaches(b);
    await seen(
      a,
      `ib0 neigh failed ${b.address}.*, cause: no answer to address resolution`,
    );
    b.daemon.kill("SIGCONT");
    await until("a to reach b", () => a.reaches(b));
    await seen(a, `ib0 neigh resolved ${b.address}: ${await linkAddress(b)}`);

    // The manager.
    await fault(lab, "kill-manager");
    for (const host of [a, b]) {
      await seen(
        host,
        "ib0 fabric manager subnet default: present -> missing, cause: the connection to it has ended",
      );
      await seen(
        host,
        "ib0 fabric manager subnet default: missing -> present, cause: the port has registered with another subnet manager",
      );
    }
    await monitor.prints(
      /ib0 fabric manager role of this process: candidate -> manager of subnet default, cause: the manager before has ended/,
    );
    await fault(lab, "set", "port", GUIDS[0], "drop", "1%");
    await seen(
      a,
      "ib0 fabric fault packets of the port: none -> drop 1% seed 1, cause: ",
    );
    await fault(lab, "clear");

    // All of it later, by kind and time, as text and as JSON.
    const { stdout } = await a.ipoib("events", "ib0", "--since", "1h");
    for (const word of ["missing", "0x0055", "mtu"]) {
      assert(stdout.includes(word), word);
    }
    assert(!stdout.includes(child));
    const groups = await a.show<{ time: string; ifname: string }[]>(
      ...["events", "group", "dev", child],
    );
    assert(groups.length > 0);
    for (const { ifname, time } of groups) {
      assertEquals(ifname, child);
      assert(Date.parse(time) > Date.now() - patient(600_000));
    }
    // Only events that happen while the command runs.
    const asked = Date.now();
    for (
      const { time } of await a.show<{ time: string }[]>(
        ...["events", "--since", "0s"],
      )
    ) {
      assertGreaterOrEqual(Date.parse(time), asked);
    }

    // The ends: requested, and without notice; an interface that appears is followed.
    assertEquals((await a.ipoib("child", "delete", "0x8001")).code, 0);
    await seen(a, `${child} link deleted: was pkey 0x8001, cause: requested`);
    b.daemon.kill("SIGKILL");
    await b.daemon.exit();
    await seen(
      b,
      "ib0 link deleted, cause: the connection to its process has ended",
    );
    await b.up();
    await seen(b, "ib0 link created: on the embedded subnet");
    await until("another start in the monitor", () => {
      const start = `[netns ${b.namespace}] ib0 link state: waiting to join`;
      return monitor.output.split(start).length > 1;
    });
    assertEquals((await a.ipoib("down", "ib0")).code, 0);
    await seen(a, "ib0 link deleted, cause: requested");
    assert(!monitor.ended);
    for (const line of monitor.output.trimEnd().split("\n")) {
      assertMatch(line, /^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\] \[netns /);
    }
  },
);

labTest(
  "monitor ends with its reader, has colors on a terminal only, and names the remedy without root",
  async (lab) => {
    const [host] = await lab.running(1);
    const words = ["monitor", "fabric", "-n", host.namespace];
    const monitor = shellLine([...programCommand(), ...words]);
    const inPipe = lab.start(["sh", "-c", `${monitor} | head -n 1`]);
    const colored = lab.start(onTerminal(`unset NO_COLOR; ${monitor}`));
    const plain = lab.start(onTerminal(monitor));
    await until("an event everywhere", async () => {
      await makeEvent(lab);
      return inPipe.ended &&
        [colored, plain].every(({ output }) => output.includes("fault"));
    });
    assertMatch(inPipe.output, /^ib0 fabric fault packets of the port: /);
    assertEquals(inPipe.output.split("\n").length, 2);
    const begin = "\x1b[36mib0\x1b[39m fabric fault ";
    assert(colored.output.startsWith(begin), colored.output);
    assertMatch(plain.output, /^ib0 fabric fault /);

    // A user may not connect to the socket of another one.
    await must(["chown", "nobody", `${host.sockets}/ib0.sock`]);
    const user = ["setpriv", "--bounding-set=-dac_override"];
    for (const what of ["monitor", "events"]) {
      const refused = lab.start(
        [...user, ...programCommand(), what, "-n", host.namespace],
      );
      assertEquals(await refused.exit(), 2);
      assertEquals(
        refused.output,
        "ipoib: Permission denied on the control socket of ib0 (run the command as the user that owns the process, or as root)\n",
      );
    }
  },
);
