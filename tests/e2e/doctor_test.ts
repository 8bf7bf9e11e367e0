/** Command `doctor` names what is wrong: on a healthy subnet, and beside the faults of walk_through_test.ts. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { REFUSED_PARTITIONS } from "../ipoib/refused_partitions.ts";
import {
  createChild,
  fault,
  type Host,
  Lab,
  labTest,
  onTerminal,
  shellLine,
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
  await startPartitions(lab, REFUSED_PARTITIONS);
  const [a, b] = await lab.running(2);
  await untilConnected(a, b);
  return [a, b];
}

labTest(
  "doctor finds a refused MTU, a limited membership, an interface that is down and injected faults",
  async (lab) => {
    const [a, b] = await pair(lab);
    await isWell(a, "ib0", b.address);

    const child = await createChild(a, "0x8015", "10.15.0.1/24");
    await finds(a, "warning membership: limited member of partition", child);

    await a.ip("link", "set", "ib0", "mtu", "9000");
    await finds(a, "warning MTU: 2044, limited by ", "ib0");
    assertEquals((await a.ipoib("link", "set", "ib0", "mtu", "2044")).code, 0);

    await a.ip("link", "set", "ib0", "down");
    await finds(a, "failure interface: ib0 is administratively down", "ib0");
    await a.ip("link", "set", "ib0", "up");
    await untilConnected(a, b);

    await fault(lab, "set", "drop", "20%", "seed", "3");
    await finds(a, "warning faults: a fault drops 20 % of the packets", "ib0");
    await fault(lab, "clear");
    await isWell(a, "ib0", b.address);
  },
);

labTest(
  "doctor finds a stopped peer, and a peer that does not exist",
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

      const { stdout } = await b.ipoib("-o", "doctor");
      const there = `ip netns exec ${b.namespace} COMMAND`;
      assertStringIncludes(
        stdout,
        `ok ib0 netns ${b.namespace} namespace: ${b.namespace}: ${there} runs`,
      );
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
  },
);

labTest(
  "doctor PEER examines the child through which the kernel reaches the peer, and leaves no neighbour entry on its parent",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const name = await createChild(a, "0x8001", "10.1.0.1/24");
    await createChild(b, "0x8001", "10.1.0.2/24");
    await isWell(a, "10.1.0.2");
    const { stdout } = await a.ipoib("-j", "doctor", "10.1.0.2");
    const peers = (JSON.parse(stdout) as Finding[]).filter(({ peer }) => peer);
    assertEquals(new Set(peers.map(({ ifname }) => ifname)), new Set([name]));

    const { lines } = await doctor(a, "ib0", "10.1.0.2");
    assertEquals(lines.filter((line) => !line.includes(" counters: ")), [
      "warning route: the kernel does not send to 10.1.0.2 through ib0 -> ip route get 10.1.0.2 shows the interface that is used: ipoib doctor IF 10.1.0.2 examines that one",
    ]);
    assertEquals(await a.ip("neigh", "show", "10.1.0.2", "dev", "ib0"), "");
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
