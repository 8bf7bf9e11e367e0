/** Packet faults: `ipoib subnet fault`. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { hex } from "../../src/base/hex.ts";
import {
  fault,
  fixedPair,
  GUIDS,
  type Host,
  Lab,
  labTest,
  linkAddress,
  managerPid,
  until,
  waitingLids,
} from "./harness/mod.ts";

const COUNT = 100;

/** Stops the packets that the kernels send by themselves: those of address resolution and of IPv6. */
async function quieten(a: Host, b: Host): Promise<void> {
  for (const [one, other] of [[a, b], [b, a]] as const) {
    await one.must(
      ...["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/ib0/disable_ipv6"],
    );
    const words = ["lladdr", await linkAddress(other)];
    const { code, stderr } = await one.ipoib(
      ...["neigh", "replace", other.address, ...words],
    );
    assertEquals([code, stderr], [0, ""]);
  }
}

/** Asserts that there are round trips, and that each takes at least `ms`. */
function assertAllFrom(found: readonly number[], ms: number): void {
  assertGreater(found.length, 0);
  assertEquals(found.filter((each) => each < ms), []);
}

/** Pings `to`. Returns the sequence numbers of the unanswered requests. */
async function lost(from: Host, to: Host): Promise<number[]> {
  const { stdout } = await from.run([
    ...["ping", "-n", "-W", "1", "-i", "0.01", "-c", String(COUNT)],
    to.address,
  ]);
  const seen = new Set(
    [...stdout.matchAll(/icmp_seq=(\d+) ttl/g)].map((m) => Number(m[1])),
  );
  return Array.from({ length: COUNT }, (_, i) => i + 1)
    .filter((sequence) => !seen.has(sequence));
}

labTest(
  "The same seed drops the same packets, also on another subnet",
  async (lab) => {
    const runs: number[][] = [];
    const [a, b] = await fixedPair(lab);
    await quieten(a, b);
    await fault(lab, "set", "drop", "20%", "seed", "7");
    runs.push(await lost(a, b));
    // Setting the same rule again restarts the sequence.
    await fault(lab, "set", "drop", "20%", "seed", "7");
    runs.push(await lost(a, b));
    await fault(lab, "set", "drop", "20%", "seed", "8");
    const other = await lost(a, b);
    await fault(lab, "clear");
    assertEquals(await lost(a, b), []);
    assertGreater((await a.counters())["port_fault_drop"]!, 0);

    await using fresh = await Lab.open();
    const [c, d] = await fixedPair(fresh);
    await quieten(c, d);
    await fault(fresh, "set", "drop", "20%", "seed", "7");
    runs.push(await lost(c, d));

    assertGreater(runs[0]!.length, COUNT * 0.2);
    assertEquals(runs[1], runs[0]);
    assertEquals(runs[2], runs[0]);
    assertNotEquals(other, runs[0]);
  },
);

/** Sends `count` pings at intervals of 5 ms. Returns the output of ping. */
async function pings(
  from: Host,
  to: Host,
  count: number,
  ...options: string[]
): Promise<string> {
  const { stdout } = await from.run([
    ...["ping", "-n", "-W", "2", "-i", "0.005", "-c", String(count)],
    ...options,
    to.address,
  ]);
  return stdout;
}

/** Returns the round trips in milliseconds, in the order of the replies. */
function roundTrips(text: string): number[] {
  return [...text.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]));
}

labTest(
  "delay, duplicate, reorder and rate affect the packets of a port",
  async (lab) => {
    const [a, b] = await fixedPair(lab);
    await fault(lab, "set", "port", GUIDS[0], "delay", "300ms");
    assertAllFrom(roundTrips(await pings(a, b, 10)), 300);
    // Packets of the other port are not delayed: the round trip is 300 ms, not 600 ms.
    assertLess(Math.min(...roundTrips(await pings(a, b, 10))), 600);

    await fault(lab, "clear");
    await fault(lab, "set", "duplicate", "100");
    // A request and its duplicate, each answered twice. ping does not wait for the last duplicates.
    assertMatch(await pings(a, b, 5), /\+1[2-5] duplicates/);

    await fault(lab, "clear");
    await fault(lab, "set", "port", GUIDS[0], "reorder", "100");
    // A request waits only some time for the next one, which a slow machine may send too late.
    await until("each second request to overtake the one before", async () => {
      const replies = await pings(a, b, 10, "-l", "10");
      const order = [...replies.matchAll(/icmp_seq=(\d+) ttl/g)];
      return `${order.map((m) => m[1])}` === "2,1,4,3,6,5,8,7,10,9";
    });

    await fault(lab, "clear");
    await fault(lab, "set", "port", GUIDS[0], "rate", "1mbit");
    // 1000 bytes and their headers take 8.2 ms at 1 Mbit/s.
    const { stdout } = await a.run(
      ["ping", "-n", "-i", "0.02", "-c", "5", "-s", "1000", b.address],
    );
    assertAllFrom(roundTrips(stdout), 8);
    const counters = await a.counters();
    for (const kind of ["delay", "duplicate", "reorder", "rate"]) {
      assertGreater(counters[`port_fault_${kind}`]!, 0, kind);
    }
  },
);

labTest(
  "The commands after kill-manager reach the next manager",
  async (lab) => {
    await fixedPair(lab);
    for (let i = 0; i < 4; i++) {
      await fault(lab, "set", "drop", "1%");
      await fault(lab, "kill-manager");
      await fault(lab, "clear");
      await fault(lab, "kill-manager");
      assert(await managerPid(lab));
    }
    await until("both ports to register again", async () => {
      const { stdout } = await lab.ipoib("-j", "subnet", "show");
      return JSON.parse(stdout)[0].ports.length === 2;
    });
    assertEquals((await lab.ipoib("subnet", "fault")).stdout, "no faults\n");
  },
);

labTest(
  "Faults remain after the takeover by another manager, and apply to new ports",
  async (lab) => {
    const [a, b] = await fixedPair(lab);
    await fault(lab, "set", "drop", "100%", "seed", "5");
    const before = await lab.ipoib("subnet", "fault", "-j");
    const shown = JSON.parse(before.stdout);
    assertEquals(shown, [{
      version: 1,
      rules: [{ seed: 5, drop: 100 }],
      waiting: [],
    }]);
    const manager = await managerPid(lab);
    await fault(lab, "kill-manager");
    // kill-manager ends only the manager: its process and interface continue.
    const next = await until("another manager", async () => {
      const pid = await managerPid(lab);
      return pid !== manager && pid;
    });
    assertEquals([a.daemon.pid, b.daemon.pid].sort(), [manager, next].sort());
    const after = await until("both ports to register again", async () => {
      const { stdout } = await lab.ipoib("subnet", "fault", "show", "-j");
      const [record] = JSON.parse(stdout);
      return record.version > 0 && stdout;
    });
    assertEquals(JSON.parse(after), shown);
    assertEquals(
      await lost(a, b),
      Array.from({ length: COUNT }, (_, i) => i + 1),
    );

    const [c] = await lab.hosts(1);
    // The joins of the new host are MADs, which faults do not affect.
    await c.up();
    assertEquals(await c.reaches(a), false);
    assertGreater((await c.counters())["port_fault_drop"]!, 0);
    await fault(lab, "clear");
    // The neighbour entry has failed meanwhile. Resolution is retried every second.
    await until("the new host to reach a", () => c.reaches(a));
    assertEquals((await c.ping(a)).received, 5);
  },
);

labTest(
  "fault set reports a stopped port that has not applied the rule; unknown and ambiguous ports are errors",
  async (lab) => {
    const [a, b] = await fixedPair(lab);
    const other = await managerPid(lab) === a.daemon.pid ? b : a;
    const { lid } = (await other.link()).hca;
    other.daemon.kill("SIGSTOP");
    const set = await lab.ipoib("subnet", "fault", "set", "drop", "1");
    assertEquals(set.code, 0);
    // The other port may be late too.
    assertMatch(
      set.stderr,
      new RegExp(`^not yet applied by .*ib0 \\(lid ${hex(lid)}\\).*\n$`),
    );
    const waits = (lids: number[]) =>
      until(
        `only the ports with LID ${lids} to wait`,
        async () => `${await waitingLids(lab)}` === `${lids}`,
      );
    await waits([lid]);
    const shown = await lab.ipoib("subnet", "fault");
    assertMatch(
      shown.stdout,
      new RegExp(`^not yet applied by ib0 \\(lid ${hex(lid)}\\)$`, "m"),
    );
    other.daemon.kill("SIGCONT");
    await waits([]);
    const wrong = await lab.ipoib("subnet", "fault", "clear", "port", "ib7");
    assertEquals([wrong.code, wrong.stderr], [
      2,
      'ipoib: The subnet has no port "ib7" (give an interface, LID or GUID of ipoib subnet show)\n',
    ]);
    const several = await lab.ipoib("subnet", "fault", "clear", "port", "ib0");
    assertEquals(several.code, 1);
    // With a namespace the name is unambiguous.
    const own = await b.ipoib(
      "subnet",
      "fault",
      "set",
      "port",
      "ib0",
      "drop",
      "3",
    );
    assertEquals(own.code, 0);
    const { stdout } = await lab.ipoib("subnet", "fault");
    assertMatch(stdout, /^all ports: drop 1% seed 1$/m);
    assertMatch(
      stdout,
      new RegExp(`^port ib0 lid 0x.* guid ${GUIDS[1]}: drop 3% seed 1$`, "m"),
    );
  },
);

labTest(
  "TCP transfers all data correctly despite loss, duplicates, delay and reordering",
  async (lab) => {
    const [a, b] = await fixedPair(lab);
    await fault(
      lab,
      ...["set", "drop", "2", "duplicate", "2", "reorder", "5"],
      ...["delay", "1ms", "jitter", "1ms", "rate", "500mbit", "seed", "3"],
    );
    const bytes = 4_000_000;
    const sum = (text: string) => /[0-9a-f]{64}/.exec(text)?.[0];
    const receiver = b.start(
      ...["sh", "-c", "socat -u TCP4-LISTEN:7000 STDOUT | sha256sum"],
    );
    await until("the receiver to listen", async () => {
      const { stdout } = await b.run(["ss", "-Hltn", "sport = :7000"]);
      return stdout !== "";
    });
    const sent = await a.must(
      "sh",
      "-c",
      `head -c ${bytes} /dev/urandom | tee ${lab.runtime}/sent | socat -u STDIN TCP4:${b.address}:7000; ` +
        `sha256sum ${lab.runtime}/sent; wc -c < ${lab.runtime}/sent`,
    );
    await receiver.exit();
    assertEquals(Number(sent.trim().split("\n").at(-1)), bytes);
    assertEquals(sum(receiver.output), sum(sent));
    const counters = await a.counters();
    for (const kind of ["drop", "duplicate", "reorder", "rate", "delay"]) {
      assertGreater(counters[`port_fault_${kind}`]!, 0, kind);
    }
    assertEquals(counters["port_links_lost"], 0);
  },
);
