/** `ipoib capture` of real traffic: files that tshark decodes, filters, rotation, drops, and the ends of both sides. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { patient } from "../../scripts/machine.ts";
import { addIpv6 } from "./harness/ipv6.ts";
import {
  captureFields,
  expertProblems,
  readCapture,
} from "../decoded_capture.ts";
import { startCapture, stopCapture } from "./harness/capture.ts";
import { whyNoUring } from "./harness/kernel.ts";
import {
  createChild,
  fault,
  GUIDS,
  type Host,
  iperf,
  iperfServer,
  iperfStream,
  type Lab,
  labTest,
  namesIn,
  pause,
  run,
  UdpSocket,
  until,
  writeProgram,
} from "./harness/mod.ts";

const REACTORS = whyNoUring() === undefined ? ["uring", "poll"] : ["poll"];

/** Returns the numbers that a capture printed at its end. */
function totals(output: string): Record<string, number> {
  const found = output.matchAll(
    /(\d+) packets? (captured|received by filter|lost by the capture)/g,
  );
  return Object.fromEntries(
    [...found].map(([, count, what]) => [what!.split(" ")[0]!, Number(count)]),
  );
}

async function count(path: string, filter: string): Promise<number> {
  return (await captureFields(path, filter, "frame.number")).length;
}

/** Pings, TCP, UDP and multicast, over IPv4 and IPv6. */
async function traffic(a: Host, b: Host): Promise<void> {
  await addIpv6(a, "fd00::1/64");
  await addIpv6(b, "fd00::2/64");
  for (const to of [b.address, "fd00::2"]) {
    for (const size of [56, 4000]) {
      assertEquals(await a.ping(to, { size }), { sent: 5, received: 5 });
    }
  }
  await iperfServer(b);
  for (
    const options of [
      ["-b", "40M", "-n", "4M"],
      ["-b", "40M", "-n", "4M", "-R"],
      ["-u", "-b", "4M"],
    ]
  ) {
    assertGreater((await iperf(a, b.address, ...options)).received, 1e5);
  }
  using socket = UdpSocket.open(a, 7000, a.address);
  await a.ip("route", "add", "239.0.0.0/8", "dev", "ib0");
  for (let i = 0; i < 3; i++) socket.send("239.1.2.3", 7001, new Uint8Array(9));
  await until(
    "the group",
    async () => (await a.ipoib("mcg", "show")).stdout.includes(":f01:203 "),
  );
}

for (const io of REACTORS) {
  labTest(
    `both edges of all kinds of traffic decode without errors with --io ${io}`,
    async (lab) => {
      const [a, b] = await lab.running(2, ["--io", io]);
      const file = `${lab.runtime}/a.pcapng`;
      const capture = await startCapture(a, "-w", file, "--edge", "both");
      await traffic(a, b);
      const output = await stopCapture(capture);
      assertEquals(totals(output).lost, 0);
      assertEquals(await expertProblems(file), []);
      const rows = await captureFields(
        file,
        "frame",
        ...["frame.interface_name", "frame.packet_flags_direction"],
        ...["frame.protocols", "icmp.type", "icmpv6.type", "udp.dstport"],
        ...["ip.len", "ip.src", "infiniband.mad.attributeid"],
      );
      const on = (name: string) => rows.filter((row) => row[0] === name);
      const [fabric, host] = [on("ib0"), on("ib0 (host)")];
      assertEquals(fabric.length + host.length, rows.length);
      for (const edge of [fabric, host]) {
        for (const what of ["arp", "icmp", "icmpv6", "tcp", "udp"]) {
          assert(edge.some((row) => row[2]!.split(":").includes(what)), what);
        }
        const echo = edge.find((row) => row[3] === "8" && row[7] === a.address);
        assertEquals(Number(echo![1]), 2, "the direction of an echo request");
        for (const port of ["5201", "7001"]) {
          assert(edge.some((row) => row[5] === port), `UDP to port ${port}`);
        }
      }
      const PATH_RECORD = 0x35;
      assert(fabric.some((row) => Number(row[8]) === PATH_RECORD), "SA MADs");
      // The segments that a wire would carry; the kernel's frames are longer.
      const longest = (edge: string[][]) =>
        Math.max(...edge.map((row) => Number(row[6])));
      assertEquals(longest(fabric), 2044);
      assertGreater(longest(host), 2044);
    },
  );
}

labTest(
  "messages of connections and the MADs that establish them decode without errors",
  async (lab) => {
    const [a, b] = await lab.running(2, ["--mode", "connected"]);
    const file = `${lab.runtime}/a.pcapng`;
    const capture = await startCapture(a, "-w", file);
    for (const size of [56, 4000, 60_000]) {
      assertEquals(await a.ping(b, { size }), { sent: 5, received: 5 });
    }
    await iperfServer(b);
    await iperf(a, b.address, "-b", "40M", "-n", "4M");
    await stopCapture(capture);
    assertEquals(await expertProblems(file), []);
    const attributes = await captureFields(
      file,
      "infiniband.mad.mgmtclass == 0x07",
      "infiniband.mad.attributeid",
    );
    // REQ, REP and RTU.
    const seen = new Set(attributes.flat().map(Number));
    for (const each of [0x10, 0x13, 0x14]) assert(seen.has(each), `${each}`);
    assertGreater(await count(file, "infiniband.bth.opcode == 4 && icmp"), 0);
    assertGreater(await count(file, "ipoib && icmp && ip.len == 60028"), 0);
    assertGreater(await count(file, "ipoib && tcp"), 0);
    assertGreater(
      await count(
        file,
        'ipoib && frame.comment contains "RC message from LID"',
      ),
      0,
    );
  },
);

labTest(
  "lines are printed as tcpdump does, and a filter and a direction select packets",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const lines = await startCapture(a, "icmp", "and", "host", b.address);
    const sent = await startCapture(a, "-Q", "out", "-c", "2", "icmp");
    const mads = await startCapture(b, "mad");
    assertEquals(await a.ping(b), { sent: 5, received: 5 });
    assertEquals(await sent.exit(), 0);
    const output = await stopCapture(lines);
    assertMatch(
      output,
      /^\d\d:\d\d:\d\d\.\d{6} Out 0x\w{4}:\w{6} > 0x\w{4}:\w{6} IP 10\.9\.0\.1 > 10\.9\.0\.2: ICMP echo request, id \d+, seq 1, length 64$/m,
    );
    assertMatch(output, / In {2}.* ICMP echo reply, /);
    assertEquals(/ARP| SA |IP6/.test(output), false);
    const { captured, received } = totals(output);
    assertEquals(output.match(/ ICMP /g)?.length, captured);
    assertEquals(received, captured);
    assertEquals(sent.output.match(/ Out /g)?.length, 2);
    assertEquals(/ In {2}/.test(sent.output), false);
    await mads.prints(/SA Get PathRecord/);
    assertMatch(await stopCapture(mads), / In {2}.*SA GetResp PathRecord/);
  },
);

labTest("dropped packets are captured with their reason", async (lab) => {
  const [a] = await lab.running(1);
  const file = `${lab.runtime}/a.pcapng`;
  const capture = await startCapture(a, "-w", file);
  const lines = await startCapture(a, "dropped");
  // A neighbour that does not exist, which the kernel takes for reachable.
  await a.ipoib(
    ...["neigh", "add", "10.9.0.77", "dev", "ib0", "lladdr"],
    "80:00:00:48:fe:80:00:00:00:00:00:00:00:00:00:00:00:00:00:99",
  );
  await a.run(["ping", "-n", "-c", "2", "-W", "1", "10.9.0.77"]);
  await lines.prints(/ICMP echo request.*\[dropped: tx_path_failed\]/);
  await stopCapture(lines);
  await stopCapture(capture);
  const comments = await captureFields(
    file,
    `icmp && frame.comment contains "dropped"`,
    "frame.comment",
    "ip.dst",
  );
  assertGreater(comments.length, 0);
  assertEquals(comments[0], ["dropped: tx_path_failed", "10.9.0.77"]);
  assertEquals(await expertProblems(file), []);
});

labTest(
  "files are rotated by size and by time, and belong to the capture alone",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const folder = `${lab.runtime}/files`;
    await Deno.mkdir(folder);
    await iperfServer(b);
    // Before and during the captures, because that by time ends two seconds after its start.
    await using _stream = await iperfStream(a, b, "-b", "30M");
    const bySize = await startCapture(
      a,
      "-w",
      `${folder}/s`,
      "-C",
      "1",
      "-W",
      "3",
    );
    const byTime = await startCapture(
      a,
      "-w",
      `${folder}/t-%s`,
      "-G",
      "1",
      "-W",
      "2",
    );
    assertEquals(await byTime.exit(), 0);
    await until("three files", () => namesIn(folder).includes("s2"));
    await stopCapture(bySize);
    const names = namesIn(folder);
    assertEquals(names.filter((name) => name.startsWith("s")), [
      "s0",
      "s1",
      "s2",
    ]);
    const byTimeNames = names.filter((name) => name.startsWith("t-"));
    assertEquals(byTimeNames.length, 2);
    for (const name of names) {
      assertEquals(await expertProblems(`${folder}/${name}`), [], name);
      // The first file by time has the rest of a second, in which there may be no packet.
      if (name === byTimeNames[0]) continue;
      assertGreater(await count(`${folder}/${name}`, "tcp"), 0, name);
    }
    const { size } = await Deno.stat(`${folder}/s0`);
    assertGreater(1_100_000, size);
  },
);

labTest(
  "a capture that does not read loses packets and counts them, the others lose none",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const file = `${lab.runtime}/slow.pcapng`;
    const slow = await startCapture(a, "-w", file, "-B", "256");
    const quick = await startCapture(a, "-w", `${lab.runtime}/quick.pcapng`);
    await a.ping(b);
    await pause(patient(200));
    slow.kill("SIGSTOP");
    await iperfServer(b);
    await iperf(a, b.address, "-b", "40M", "-n", "4M");
    slow.kill("SIGCONT");
    const lost = totals(await stopCapture(slow)).lost!;
    assertGreater(lost, 100);
    assertEquals(totals(await stopCapture(quick)).lost, 0);
    assertEquals(await expertProblems(file), []);
    // The interface statistics of the file have the loss too.
    const text = new TextDecoder("latin1").decode(await Deno.readFile(file));
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(lost), true);
    assertStringIncludes(text, new TextDecoder("latin1").decode(bytes));
  },
);

labTest(
  "a capture ends with its interface, and an interface outlives its captures",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const killed = await startCapture(a);
    killed.kill("SIGKILL");
    await killed.exit();
    assertEquals(await a.ping(b), { sent: 5, received: 5 });
    await a.ipoib("child", "create", "0x8001");
    await a.ipoib("link", "set", "ib0.8001", "up");
    const child = lab.start([
      ...programCommand(),
      ...["capture", "ib0.8001", "-n", a.namespace],
    ]);
    await child.prints(/capturing on ib0.8001/);
    const file = `${lab.runtime}/a.pcapng`;
    const capture = await startCapture(b, "-w", file, "--edge", "both");
    await b.ping(a);
    await a.ipoib("child", "delete", "0x8001");
    assertEquals(await child.exit(), 0);
    assertStringIncludes(child.output, "ib0.8001 has ended");
    b.daemon.kill("SIGKILL");
    assertEquals(await capture.exit(), 0);
    assertStringIncludes(capture.output, "ib0 has ended");
    assertEquals(await expertProblems(file), []);
    assertGreater(await count(file, "icmp"), 0);
    // No socket of a capture remains.
    assertEquals(namesIn(a.sockets).filter((name) => name.startsWith(".")), []);
  },
);

labTest(
  "a capture of one interface has no packets of the others on the port",
  async (lab) => {
    const [a, b] = await lab.running(2);
    for (const [i, host] of [a, b].entries()) {
      await createChild(host, "0x8001", `10.8.0.${i + 1}/24`);
      await host.call("wait", { name: "ib0.8001" });
    }
    const file = `${lab.runtime}/a.pcapng`;
    const capture = await startCapture(a, "-w", file, "--edge", "both");
    assertEquals(await a.ping("10.8.0.2"), { sent: 5, received: 5 });
    assertEquals(await a.ping(b), { sent: 5, received: 5 });
    await stopCapture(capture);
    assertGreater(await count(file, "ip.addr == 10.9.0.2"), 0);
    assertEquals(await count(file, "ip.addr == 10.8.0.2"), 0);
  },
);

labTest(
  "standard output carries a file, and its reader may end first",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const command = [...programCommand(), "capture", "ib0", "-w", "-"].join(
      " ",
    );
    const piped = lab.start([
      ...["sh", "-c"],
      `${command} -n ${a.namespace} icmp | tshark -n -r - -c 3 2>/dev/null`,
    ]);
    await piped.prints(/capturing on ib0/);
    await until("the end of both programs", async () => {
      // The end of the reader is noticed with the next packet.
      await a.reaches(b);
      return piped.ended;
    });
    assertEquals(piped.code, 0);
    assertMatch(piped.output, /ICMP 122 Echo \(ping\) reply/);
  },
);

labTest(
  "events are shown among the packets, on standard output and in a file that tshark decodes",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    await a.up({ args: ["--guid", GUIDS[0]] });
    await b.up();
    const file = `${lab.runtime}/events.pcapng`;
    const captures = await Promise.all([
      startCapture(a, "--events", "-w", file),
      startCapture(a, "--events", "icmp"),
    ]);
    await a.ping(b);
    await fault(lab, "port", GUIDS[0], "down");
    const changed =
      /^\d\d:\d\d:\d\d\.\d{6} Event ib0 fabric port soft:default\/1: active -> down, cause: the port is no longer active$/m;
    await captures[1]!.prints(changed);
    await fault(lab, "port", GUIDS[0], "up");
    await until("a to reach b", () => a.reaches(b));
    for (const capture of captures) {
      const output = await stopCapture(capture);
      assertEquals(totals(output).lost, 0);
      assertGreater(Number(/^(\d+) events captured$/m.exec(output)![1]), 2);
    }
    const printed = captures[1]!.output;
    const [request, down, up] = [
      ...["ICMP echo request", "active -> down", "down -> active"],
    ].map((text) => printed.indexOf(text));
    assert(0 <= request! && request! < down! && down! < up!, printed);
    assertEquals(await expertProblems(file), []);
    const rows = await captureFields(
      file,
      "systemd_journal",
      ...["frame.time_epoch", "systemd_journal.message"],
      "systemd_journal.syslog_id",
    );
    const row = rows.find(([, message]) =>
      message!.startsWith("ib0 fabric port soft:default/1: active -> down")
    );
    assert(row, JSON.stringify(rows));
    assertEquals(row[2], "ipoib");
    const age = Date.now() - Number(row[0]) * 1000;
    assert(age > 0 && age < patient(60_000), `${age} ms`);
    assertGreater(await count(file, "icmp"), 5);
  },
);

labTest("printed packets end with their reader", async (lab) => {
  const [a, b] = await lab.running(2);
  const command = [...programCommand(), "capture", "ib0"].join(" ");
  const piped = lab.start([
    ...["sh", "-c"],
    `${command} -n ${a.namespace} icmp | head -n 1`,
  ]);
  await piped.prints(/capturing on ib0/);
  await until("the end of both programs", async () => {
    // The end of the reader is noticed with the next packet.
    await a.reaches(b);
    return piped.ended;
  });
  assertEquals(piped.code, 0);
  assertEquals(piped.output.split("ICMP echo request").length, 2);
  assertMatch(piped.output, /\d+ packets? captured/);
});

labTest(
  "refusals name the remedy: an invalid filter, an unknown interface, a file, a ninth capture",
  async (lab) => {
    const [a] = await lab.running(1);
    const refused = async (words: string[], prefix: string[] = []) => {
      const { code, stderr } = await run(
        [...prefix, ...programCommand(), "capture", ...words],
        { env: lab.env },
      );
      return [code, stderr.split("\n")[0]] as const;
    };
    const inNamespace = ["-n", a.namespace];
    const [usage, invalid] = await refused([
      "ib0",
      ...inNamespace,
      "tcp",
      "prot",
    ]);
    assertEquals(usage, 1);
    assertStringIncludes(invalid!, 'Invalid filter "tcp prot"');
    assertEquals((await refused(["ib7", ...inNamespace]))[0], 3);
    const [directory, unwritable] = await refused(
      ["ib0", ...inNamespace, "-w", "/no/such/file"],
    );
    assertEquals(directory, 2);
    assertStringIncludes(unwritable!, 'Cannot open "/no/such/file"');
    const hide = 'mount --bind /dev/null "$(readlink -f "$0")"; exec "$@"';
    const library = "/usr/lib/x86_64-linux-gnu/libpcap.so.0.8";
    const hidden = ["unshare", "-m", "sh", "-c", hide, library];
    const [missing, sentence] = await refused(
      ["ib0", ...inNamespace, "tcp", "port", "22"],
      hidden,
    );
    assertEquals(missing, 2);
    assertStringIncludes(
      sentence!,
      'Filter "tcp port 22" needs libpcap, which cannot be opened (install it (Debian: libpcap0.8)',
    );
    for (let i = 0; i < 8; i++) await startCapture(a);
    const [limit, ninth] = await refused(["ib0", ...inNamespace]);
    assertEquals(limit, 2);
    assertStringIncludes(
      ninth!,
      "ib0 already has 8 captures (stop one of them)",
    );
  },
);

/** Runs a command with a directory of extcap programs that has only this one. */
async function withExtcap(lab: Lab, words: string[]) {
  const folder = `${lab.runtime}/extcap`;
  await Deno.mkdir(folder, { recursive: true });
  await writeProgram(`${folder}/ipoib`);
  const script = 'mount --bind "$0" "$1"; shift; exec "$@"';
  const folders = await run(["tshark", "-G", "folders"]);
  const path = /^Extcap path:\s+(\S+)/m.exec(folders.stdout)?.[1];
  assert(path !== undefined, folders.stdout);
  return ["unshare", "-m", "sh", "-c", script, folder, path, ...words];
}

labTest(
  "Wireshark lists the interface by extcap and captures on it",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const name = `ipoib-ib0@${a.namespace}`;
    const listed = await run(await withExtcap(lab, ["tshark", "-D"]), {
      env: lab.env,
    });
    assertStringIncludes(
      listed.stdout,
      `${name} (IPoIB interface ib0 in namespace ${a.namespace})`,
    );
    const file = `${lab.runtime}/live.pcapng`;
    const tshark = lab.start(
      await withExtcap(lab, [
        ...["tshark", "-n", "-i", name, "-f", "icmp", "-c", "6", "-w", file],
      ]),
    );
    await until("packets in Wireshark", async () => {
      await a.ping(b);
      return tshark.ended;
    });
    assertEquals(tshark.code, 0, tshark.output);
    assertEquals(await count(file, "erf && icmp"), 6);
    assertStringIncludes(await readCapture(file), "Echo (ping) reply");
  },
);
