/**
 * Measures costs and benefits of the moderation of receive events:
 * `deno task bench-moderation [--repeats N] [--seconds S] [--svg FILE]`.
 *
 * At each setting of rx-usecs on both ends, and with adaptive-rx, sends datagrams at a fixed rate one way, and pings on the idle link.
 * Measures the settings in turn, so that slow periods of the machine affect all of them. Prints a table and draws a
 * plot. Needs root, gcc, ping and ip.
 */

import { parseArgs } from "@std/cli/parse-args";
import { IpoibError } from "../../src/base/errors.ts";
import { IpcClient } from "../../src/ipc/client.ts";
import {
  namespaceIdentity,
  socketDirectory,
  socketPath,
} from "../../src/ipc/locate.ts";
import {
  initialNamespaceInode,
  namespaceInode,
  openNamespace,
} from "../../src/system/namespace.ts";
import { type Cleanup, workAndCleanUp } from "../cleanup.ts";
import { type Panel, plot } from "./moderation_plot.ts";
import { idleRtt, reach } from "./ping.ts";
import { startProgram } from "./program.ts";
import { lossPercent, median } from "./statistics.ts";
import { cpuOf, type Subject } from "./subject.ts";
import { blast, Counter } from "./udp.ts";
import { compilePrograms } from "./yardstick.ts";

/** Values of rx-usecs, and adaptive-rx. */
const SETTINGS = [0, 16, 64, 256, "adaptive"] as const;
const RATE = 50_000;
const USAGE =
  "Usage: deno task bench-moderation [--repeats N] [--seconds S] [--svg FILE]";

const encoder = new TextEncoder();
const say = (line: string) =>
  void Deno.stdout.writeSync(encoder.encode(`${line}\n`));

/** Result of one setting in one repeat. */
interface Finding {
  /** Receive events per second, and sleeps of the receiver's process per second. */
  readonly events: number;
  readonly sleeps: number;
  /** Microseconds. */
  readonly receiverCpu: number;
  readonly senderCpu: number;
  readonly rtt: number;
  /** Percent. */
  readonly lost: number;
}

const COLUMNS: readonly [title: string, of: keyof Finding, digits: number][] = [
  ["events/s", "events", 0],
  ["sleeps/s", "sleeps", 0],
  ["CPU/packet, receiver [us]", "receiverCpu", 2],
  ["CPU/packet, sender [us]", "senderCpu", 2],
  ["idle RTT [us]", "rtt", 0],
  ["lost [%]", "lost", 2],
];

/** Returns the number of voluntary context switches of a process. */
function sleepsOf(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    sum += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
  }
  return sum;
}

/** Connects to the control socket of one end. */
async function connect(folder: string, namespace: string): Promise<IpcClient> {
  using fd = openNamespace(namespace);
  const identity = namespaceIdentity(
    namespaceInode(fd.number),
    initialNamespaceInode(),
  );
  const directory = socketDirectory(folder, identity);
  return await IpcClient.connect(socketPath(directory, "ib0"), "ib0");
}

async function eventsOf(client: IpcClient): Promise<number> {
  const [stats] = await client.call("stats", { name: "ib0" });
  return stats!.counters["port_cq_events"] ?? NaN;
}

async function measure(
  subject: Subject,
  receiver: IpcClient,
  pps: string,
  seconds: number,
): Promise<Finding> {
  const { average: rtt } = await idleRtt(subject);
  const [near, far] = subject.pids!;
  const counter = await Counter.start(subject, 1, pps);
  try {
    const sample = async () => ({
      events: await eventsOf(receiver),
      sleeps: sleepsOf(far),
      near: cpuOf(near).all,
      far: cpuOf(far).all,
    });
    const before = await sample();
    const to = subject.addresses[1];
    const sent = await blast(subject, pps, to, RATE, seconds);
    const after = await sample();
    const micros = (cpu: number) => 1e6 * cpu / sent;
    return {
      events: (after.events - before.events) / seconds,
      sleeps: (after.sleeps - before.sleeps) / seconds,
      receiverCpu: micros(after.far - before.far),
      senderCpu: micros(after.near - before.near),
      rtt,
      lost: lossPercent(sent, await counter.count()),
    };
  } finally {
    await counter.end();
  }
}

async function bench(options: Options, cleanup: Cleanup): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipoib-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  await compilePrograms(folder);
  const runtime = `${folder}/run`;
  const subject = await startProgram(runtime);
  cleanup.add(() => subject.close());
  const clients = await Promise.all(
    subject.namespaces.map((path) => connect(runtime, path)),
  );
  cleanup.add(() => clients.forEach((client) => client.close()));
  await reach(subject, 1);
  const findings = SETTINGS.map((): Finding[] => []);
  // Repeat 0 warms up.
  for (let repeat = 0; repeat <= options.repeats; repeat++) {
    for (const [i, setting] of SETTINGS.entries()) {
      const values = setting === "adaptive"
        ? { "adaptive-rx": 1 } as const
        : { "rx-usecs": setting, "adaptive-rx": 0 } as const;
      for (const client of clients) {
        await client.call("coalesce.set", { values });
      }
      const { seconds } = options;
      const pps = `${folder}/pps`;
      const found = await measure(subject, clients[1]!, pps, seconds);
      if (repeat > 0) findings[i]!.push(found);
      say(`${repeat}/${options.repeats} rx-usecs ${setting}: ${line(found)}`);
    }
  }
  say(`\nMedians of ${options.repeats} repeats, ${RATE} datagrams/s\n`);
  say(markdown(findings));
  if (options.svg) await Deno.writeTextFile(options.svg, drawing(findings));
}

function line(found: Finding): string {
  return COLUMNS.map(([title, of, digits]) =>
    `${title} ${found[of].toFixed(digits)}`
  ).join(", ");
}

function markdown(findings: readonly (readonly Finding[])[]): string {
  const heads = ["rx-usecs", ...COLUMNS.map(([title]) => title)];
  const rows = findings.map((repeats, i) => [
    String(SETTINGS[i]),
    ...COLUMNS.map(([, of, digits]) =>
      median(repeats.map((found) => found[of])).toFixed(digits)
    ),
  ]);
  const widths = heads.map((head, i) =>
    Math.max(head.length, ...rows.map((row) => row[i]!.length))
  );
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padStart(widths[i]!)).join(" | ")} |`;
  const rule = widths.map((width) => `${"-".repeat(width - 1)}:`);
  return [heads, rule, ...rows].map(row).join("\n");
}

function drawing(findings: readonly (readonly Finding[])[]): string {
  const panel = (title: string, of: keyof Finding): Panel => ({
    title,
    points: findings.map((repeats) => {
      const values = repeats.map((found) => found[of]);
      return {
        middle: median(values),
        least: Math.min(...values),
        most: Math.max(...values),
      };
    }),
  });
  return plot(SETTINGS, "rx-usecs", [
    panel(`receive events/s at ${RATE / 1000}k packets/s`, "events"),
    panel("receiver's CPU per packet [us]", "receiverCpu"),
    panel("idle round trip [us]", "rtt"),
  ]);
}

interface Options {
  readonly repeats: number;
  readonly seconds: number;
  readonly svg: string | undefined;
}

function optionsOf(args: readonly string[]): Options | undefined {
  let known = true;
  const parsed = parseArgs([...args], {
    string: ["repeats", "seconds", "svg"],
    default: { repeats: "5", seconds: "3" },
    unknown: () => known = false,
  });
  const repeats = Number(parsed.repeats);
  const seconds = Number(parsed.seconds);
  if (!known || !Number.isInteger(repeats) || repeats < 1 || !(seconds > 0)) {
    return undefined;
  }
  const svg = parsed.svg === undefined ? undefined : String(parsed.svg);
  return { repeats, seconds, svg };
}

function complain(sentence: string, code: number): number {
  Deno.stderr.writeSync(encoder.encode(`${sentence}\n`));
  return code;
}

async function main(): Promise<number> {
  const options = optionsOf(Deno.args);
  if (!options) return complain(USAGE, 1);
  if (Deno.uid() !== 0) return complain("The benchmark needs root", 2);
  return await workAndCleanUp(
    (cleanup) => bench(options, cleanup),
    (error) =>
      complain(`The benchmark failed: ${IpoibError.from(error).message}`, 1),
  );
}

Deno.exit(await main());
