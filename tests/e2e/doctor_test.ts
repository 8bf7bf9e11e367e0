/** Command `doctor` names what is wrong: on a healthy subnet, and after each fault that the subnet can have. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import {
  createChild,
  fault,
  type Host,
  Lab,
  labTest,
  onTerminal,
  shellLine,
  startManager,
  startPartitions,
  until,
  untilConnected,
} from "./harness/mod.ts";

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly text: string;
  readonly remedy?: string;
  readonly ifname?: string;
  readonly peer?: string;
}

/** Runs `doctor`. Returns its exit code, and its warnings and failures as lines. */
async function doctor(
  host: Host,
  ...words: string[]
): Promise<{ code: number; lines: string[] }> {
  const { code, stdout, stderr } = await host.ipoib("-j", "doctor", ...words);
  assertEquals(stderr, "");
  const lines = (JSON.parse(stdout) as Finding[])
    .filter(({ status }) => status === "warning" || status === "failure")
    .map(({ status, check, text, remedy }) =>
      `${status} ${check}: ${text} -> ${remedy}`
    );
  return { code, lines };
}

/** Waits until `doctor` has a line with these words. Returns its lines. */
async function finds(
  host: Host,
  words: string,
  ...operands: string[]
): Promise<string[]> {
  let last: string[] = [];
  return await until(`doctor to find "${words}"`, async () => {
    last = (await doctor(host, ...operands)).lines;
    return last.some((line) => line.includes(words)) && last;
  }).catch((error) => {
    throw new Error(`${error.message}; doctor says:\n${last.join("\n")}`);
  });
}

/** Waits until `doctor` has neither warnings nor failures. */
async function isWell(host: Host, ...operands: string[]): Promise<void> {
  let last: string[] = [];
  await until("doctor to find nothing", async () => {
    const { code, lines } = await doctor(host, ...operands);
    last = lines;
    return code === 0;
  }).catch((error) => {
    throw new Error(`${error.message}; doctor says:\n${last.join("\n")}`);
  });
}

/** Starts two hosts that reach each other, and a manager that is not one of them. */
async function pair(lab: Lab): Promise<[Host, Host]> {
  await startManager(lab);
  const [a, b] = await lab.running(2);
  await untilConnected(a, b);
  return [a, b];
}

labTest(
  "doctor finds a cut cable, a lost P_Key, a refused MTU, a duplicate address and faults",
  async (lab) => {
    const [a, b] = await pair(lab);
    await isWell(a, "ib0", b.address);
    const { guid, lid } = (await a.link()).hca;
    const port = `0x${lid.toString(16).padStart(4, "0")}`;

    await fault(lab, "port", port, "down");
    const cable = await finds(a, "failure port: ", "ib0", b.address);
    assertStringIncludes(cable.join("\n"), "is DOWN");
    assertStringIncludes(cable.join("\n"), `port ${guid} up`);
    await fault(lab, "port", port, "up");
    await until(
      "the port to be up",
      async () => (await a.link()).state === "running",
    );

    const child = await createChild(a, "0x8001", "10.10.0.1/24");
    await isWell(a, child);
    await fault(lab, "port", port, "pkeys", "0xffff");
    const lost = await finds(a, "failure P_Key: 0x8001 is not in", child);
    assertStringIncludes(lost.join("\n"), `port ${guid} pkeys`);
    await fault(lab, "port", port, "pkeys");
    await isWell(a, child);

    await a.ip("link", "set", "ib0", "mtu", "9000");
    await finds(a, "warning MTU: 2044, limited by ", "ib0");
    assertEquals((await a.ipoib("link", "set", "ib0", "mtu", "2044")).code, 0);

    await a.ip("link", "set", "ib0", "down");
    await finds(a, "failure interface: ib0 is administratively down", "ib0");
    await a.ip("link", "set", "ib0", "up");
    await untilConnected(a, b);

    await b.ip("addr", "add", `${a.address}/24`, "dev", "ib0");
    await finds(a, `failure duplicates: ${a.address} is also used by`, "ib0");
    await b.ip("addr", "del", `${a.address}/24`, "dev", "ib0");
    await untilConnected(a, b);

    await fault(lab, "set", "drop", "20%", "seed", "3");
    await finds(a, "warning faults: a fault drops 20 % of the packets", "ib0");
    await fault(lab, "clear");
    await isWell(a, "ib0", b.address);
  },
);

labTest(
  "doctor finds a stopped peer, a peer that does not exist, and a queue that overruns",
  async (lab) => {
    const [a, b] = await pair(lab);
    const pid = (await b.link()).pid;
    await a.ip("neigh", "flush", "dev", "ib0");
    Deno.kill(pid, "SIGSTOP");
    try {
      const lines = await finds(a, "failure ping: ", "ib0", b.address);
      const text = lines.join("\n");
      assertStringIncludes(text, "failure neighbour: ");
      assertStringIncludes(text, "failure ports: the process of port ib0");
      assertStringIncludes(text, `kill -CONT ${pid}`);

      const own = await doctor(b);
      assertEquals(own.code, 5);
      assertStringIncludes(
        own.lines.join("\n"),
        `failure process: its process ${pid} is stopped`,
      );
    } finally {
      Deno.kill(pid, "SIGCONT");
    }
    await untilConnected(a, b);

    await finds(
      a,
      "failure neighbour: has no link-layer address",
      "ib0",
      "10.9.0.99",
    );
    await finds(a, "failure route: ", "ib0", "192.0.2.1");

    await a.ipoib("ethtool", "-G", "ib0", "tx", "2");
    await using _flood = a.start(
      ...["ping", "-q", "-f", "-l", "2000", "-s", "1400", b.address],
    );
    await finds(a, "warning counters: the queue of the network device overran");
  },
);

const PARTITIONS = `Default=0x7fff, ipoib :
  mgid=ff12:401b:ffff::f01:101,Q_Key=0x1234
  ALL=full ;
large=0x0011, ipoib, mtu=5 : ALL=full ;
fast=0x0012, ipoib, rate=17 : ALL=full ;
bare=0x0014 : ALL=full ;
few=0x0015, ipoib : ALL=limited ;
`;

labTest(
  "doctor finds the field of the group that does not fit, and a limited membership",
  async (lab) => {
    await startPartitions(lab, PARTITIONS);
    const [host] = await lab.running(1);
    for (
      const [pkey, net] of [["0x8011", 11], ["0x8012", 12], ["0x8014", 14], [
        "0x8015",
        15,
      ]] as const
    ) {
      await createChild(host, pkey, `10.${net}.0.1/24`);
    }
    const large = (await finds(host, "failure broadcast: ", "ib0.8011")).join(
      "\n",
    );
    assertStringIncludes(large, "has MTU 4096, the port has 2048");
    assertStringIncludes(large, "failure group MTU: 4096, the port has 2048");
    const fast = (await finds(host, "failure broadcast: ", "ib0.8012")).join(
      "\n",
    );
    assertStringIncludes(
      fast,
      "failure group rate: 200 Gb/sec, the port has 100 Gb/sec",
    );
    await host.ip("addr", "add", "239.1.1.1/32", "dev", "ib0", "autojoin");
    await finds(host, "the group has Q_Key 0x00001234", "ib0");
    await finds(host, "does not exist in partition 0x8014", "ib0.8014");
    await finds(
      host,
      "warning membership: limited member of partition",
      "ib0.8015",
    );
  },
);

labTest(
  "doctor finds that the manager is gone, and that all is well after the takeover",
  async (lab) => {
    const manager = await startManager(lab);
    const [a] = await lab.running(1);
    Deno.kill(manager.pid, "SIGSTOP");
    const lines = (await doctor(a, "ib0")).lines.join("\n");
    assertStringIncludes(
      lines,
      `failure manager: the manager does not answer: its process ${manager.pid} is stopped`,
    );
    assertStringIncludes(lines, "failure administrator: ");
    await isWell(a, "ib0");
    Deno.kill(manager.pid, "SIGCONT");
  },
);

/** A runtime without capabilities: its user may still read the files of the lab. */
const WITHOUT_CAPABILITIES = [
  ...["setpriv", "--inh-caps=-all", "--ambient-caps=-all"],
  "--bounding-set=-all",
];

labTest(
  "doctor fits a terminal of 80 columns, honours NO_COLOR, says what needs capabilities, and finds a peer that refuses connections",
  async (lab) => {
    const [a, b] = await lab.running(2, ["--max-connections", "0"]);
    await untilConnected(a, b);
    const words = [...programCommand(), "doctor", "ib0", b.address];
    const terminal = async (noColor: string) => {
      const { stdout } = await a.run(onTerminal(shellLine(words)), {
        env: { ...lab.env, NO_COLOR: noColor, TERM: "xterm" },
      });
      return stdout;
    };
    const colored = await terminal("");
    assertStringIncludes(colored, "\x1b[32mok\x1b[39m");
    const plain = await terminal("1");
    assertEquals(plain.includes("\x1b"), false);
    assertEquals(
      plain.split("\r\n").filter((line) => line.length > 80),
      [],
    );
    const pipe = await a.run([...WITHOUT_CAPABILITIES, ...words], {
      env: lab.env,
    });
    assertEquals(pipe.code, 4, pipe.stderr);
    assertStringIncludes(
      pipe.stdout,
      "\n  warning  rights          this user has no CAP_NET_ADMIN",
    );
    assertStringIncludes(pipe.stdout, "with CAP_NET_RAW");
    assertStringIncludes(pipe.stdout, "\n  ok       neighbour ");

    assertEquals(
      (await a.ipoib("link", "set", "ib0", "mode", "connected")).code,
      0,
    );
    const connected = await finds(
      ...[a, "warning ping full size: ", "ib0", b.address] as const,
    );
    assertStringIncludes(connected.join("\n"), "the MTU of the path is 2044");
    assertStringIncludes(
      connected.join("\n"),
      "warning connection: the peer refuses connections",
    );
  },
);
