/**
 * Measures the program side by side with a C program that splices two TUNs, as
 * `deno task bench [--repeats N] [--seconds S] [--json FILE]`.
 *
 * Figures of one machine drift by a factor of two within hours, so each repeat measures both sides one after the other, and
 * only ratios mean anything. Printed, never asserted. Needs root, gcc, iperf3, ping and ip.
 */

import { parseArgs } from "@std/cli/parse-args";
import { IpoibError } from "../../src/base/errors.ts";
import { type Cleanup, workAndCleanUp } from "../cleanup.ts";
import { isInstalled } from "../test/packages.ts";
import { idleRtt, tcp, UDP_RATE, udpLoss } from "./measure.ts";
import { startProgram } from "./program.ts";
import { rowsOf, type Series, table } from "./report.ts";
import { MTU, type Subject } from "./subject.ts";
import { compilePrograms, startYardstick } from "./yardstick.ts";

const USAGE =
  "Usage: deno task bench [--repeats N] [--seconds S] [--json FILE]";
const PACKAGES = {
  gcc: "gcc and libc6-dev",
  iperf3: "iperf3",
  ping: "iputils-ping",
  ip: "iproute2",
};

const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));

interface Options {
  readonly repeats: number;
  readonly seconds: number;
  readonly json: string | undefined;
}

function optionsOf(args: readonly string[]): Options | undefined {
  let known = true;
  const parsed = parseArgs(args, {
    string: ["repeats", "seconds", "json"],
    default: { repeats: "3", seconds: "5" },
    unknown: () => known = false,
  });
  const repeats = Number(parsed.repeats);
  const seconds = Number(parsed.seconds);
  if (!known || !Number.isInteger(repeats) || repeats < 1 || !(seconds > 0)) {
    return undefined;
  }
  return {
    repeats,
    seconds,
    json: parsed.json === undefined ? undefined : String(parsed.json),
  };
}

/** Why the bench cannot run here, or undefined. */
function obstacle(): string | undefined {
  if (Deno.uid() !== 0) return "The bench needs root";
  const missing = Object.entries(PACKAGES)
    .filter(([program]) => !isInstalled(program))
    .map(([, name]) => name);
  return missing.length === 0
    ? undefined
    : `The bench needs the Debian packages ${missing.join(", ")}`;
}

async function measure(
  [yardstick, ours]: readonly [Subject, Subject],
  pps: string,
  { repeats, seconds }: Options,
): Promise<Series[]> {
  const series = (name: string, unit: string, better: "more" | "less") => ({
    name,
    unit,
    better,
    ours: [],
    yardstick: [],
  } satisfies Series as Series);
  const rate = series(`TCP, MTU ${MTU}`, "Gbit/s", "more");
  const cpu = series(`CPU, TCP at MTU ${MTU}`, "s/GB", "less");
  const udp = `UDP at ${UDP_RATE}/s, 64 octets`;
  const delivered = series(`${udp}: delivered`, "%", "more");
  const lost = { ...series(`${udp}: lost`, "%", "less"), nearZero: true };
  const rtt = series("Idle round trip", "us", "less");
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const subject of [yardstick, ours]) {
      const side = subject === ours ? "ours" : "yardstick";
      rtt[side].push(await idleRtt(subject));
      const { gbitPerSecond, cpuSecondsPerGb } = await tcp(subject, seconds);
      rate[side].push(gbitPerSecond);
      cpu[side].push(cpuSecondsPerGb);
      const loss = 100 * await udpLoss(subject, pps, seconds);
      delivered[side].push(100 - loss);
      lost[side].push(loss);
      say(
        `${repeat}/${repeats} ${subject.name.padEnd(8)}  ${
          gbitPerSecond.toFixed(2)
        } Gbit/s  ${cpuSecondsPerGb.toFixed(3)} s/GB  ${
          loss.toFixed(2)
        } % lost  ${rtt[side].at(-1)!.toFixed(0)} us\n`,
      );
    }
  }
  return [rate, cpu, delivered, lost, rtt];
}

async function bench(options: Options, cleanup: Cleanup): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipoib-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  await compilePrograms(folder);
  const yardstick = await startYardstick(folder);
  cleanup.add(() => yardstick.close());
  const ours = await startProgram(`${folder}/run`);
  cleanup.add(() => ours.close());
  const series = await measure([yardstick, ours], `${folder}/pps`, options);
  const rows = rowsOf(series);
  say(`\nMedians of ${options.repeats}; ratio: ipoib to C splice\n`);
  say(`${table(rows)}\n`);
  if (options.json) {
    const record = {
      when: new Date().toISOString(),
      deno: Deno.version.deno,
      kernel: Deno.osRelease(),
      cpus: navigator.hardwareConcurrency,
      ...options,
      rows,
      series,
    };
    await Deno.writeTextFile(
      options.json,
      `${JSON.stringify(record, null, 2)}\n`,
    );
  }
}

function complain(sentence: string, code: number): number {
  Deno.stderr.writeSync(encoder.encode(`${sentence}\n`));
  return code;
}

async function main(): Promise<number> {
  const options = optionsOf(Deno.args);
  const sentence = options ? obstacle() : USAGE;
  if (!options || sentence) return complain(String(sentence), options ? 2 : 1);
  return await workAndCleanUp(
    (cleanup) => bench(options, cleanup),
    (error) =>
      complain(`The bench failed: ${IpoibError.from(error).message}`, 1),
  );
}

Deno.exit(await main());
