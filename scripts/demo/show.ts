/** Runs the demo: three hosts on an embedded subnet, ping and TCP between them, and a summary table. */

import { IpoibError } from "../../src/base/errors.ts";
import type { Fd } from "../../src/system/fd.ts";
import { createNamespace } from "../../src/system/namespace.ts";
import { Host } from "../host.ts";
import type { Cleanup } from "../cleanup.ts";
import type { RoundTrips } from "./jobs.ts";
import {
  accent,
  columns,
  faint,
  line,
  roundTripText,
  title,
} from "./screen.ts";
import { pings, type Station, stream } from "./traffic.ts";

const PREFIXES = {
  alpha: "10.77.0.1/24",
  beta: "10.77.0.2/24",
  gamma: "10.77.0.3/24",
};
const PINGS = 20;
const PING_INTERVAL_MS = 20;
const STREAM_SECONDS = 2;

/** A host that is ready for traffic. */
interface Named extends Station {
  readonly name: string;
}

/** The process of a host. */
interface Program {
  readonly name: string;
  readonly prefix: string;
  readonly namespace: Fd;
  readonly host: Host;
}

type Pair = readonly [from: Named, to: Named];

/** Runs the demo. Adds the removal of its resources to `cleanup`. Throws an Error if a step fails. */
export async function show(cleanup: Cleanup): Promise<void> {
  line("ipoib demo: IP over InfiniBand between three hosts, without hardware");
  line(faint(
    "Each host is a network namespace with a process for its ib0; the hosts share one embedded subnet",
  ));
  title("Three hosts come up");
  const programs = startAll(cleanup);
  try {
    await exchange(await bringUp(programs));
  } catch (error) {
    const output = programs.filter(({ host }) => host.output)
      .map(({ name, host }) => `\nOutput of ${name}: ${host.output}`).join("");
    throw new Error(`${IpoibError.from(error).message}${output}`, {
      cause: error,
    });
  }
}

async function exchange(hosts: readonly Named[]): Promise<void> {
  const [alpha, beta, gamma] = hosts as [Named, Named, Named];
  const pairs = [
    [alpha, beta],
    [beta, alpha],
    [alpha, gamma],
    [gamma, alpha],
    [beta, gamma],
    [gamma, beta],
  ] as const;
  const roundTrips = await pingAll(pairs);
  const rates = await streamAll(pairs);
  summary(pairs, roundTrips, rates);
}

/**
 * Creates the runtime directory and starts the programs. Synchronous, so that an interruption cannot miss a program.
 */
function startAll(cleanup: Cleanup): Program[] {
  const runtime = Deno.makeTempDirSync({ prefix: "ipoib-demo-" });
  cleanup.add(() => Deno.remove(runtime, { recursive: true }));
  const running: Host[] = [];
  cleanup.add(async () => {
    await Promise.all(running.map((host) => host.stop()));
  });
  return Object.entries(PREFIXES).map(([name, prefix]) => {
    const namespace = createNamespace();
    const host = Host.start({ namespace, runtime });
    running.push(host);
    return { name, prefix, namespace, host };
  });
}

async function bringUp(programs: readonly Program[]): Promise<Named[]> {
  const start = performance.now();
  const named: Named[] = [];
  for (const { name, prefix, namespace, host } of programs) {
    const link = await host.configure(prefix);
    const address = prefix.split("/")[0]!;
    line(
      `  ${name.padEnd(5)}  ${prefix}  LID ${link.hca.lid}  mtu ${link.mtu}`,
    );
    line(`         ${accent(link.address)}`);
    named.push({ name, namespace: namespace.number, address });
  }
  const seconds = (performance.now() - start) / 1000;
  line(faint(`  ready after ${seconds.toFixed(1)} s`));
  return named;
}

/** Pings between each pair, and prints and returns the round-trip times. */
async function pingAll(pairs: readonly Pair[]): Promise<RoundTrips[]> {
  title(`Ping, ${PINGS} times each way (milliseconds, min / avg / max)`);
  const results: RoundTrips[] = [];
  for (const [from, to] of pairs) {
    // The first echo includes address resolution and the path query, so its time is printed separately.
    const first = await pings(from, to, 1, 0);
    const rest = await pings(from, to, PINGS, PING_INTERVAL_MS);
    const missed = rest.sent - rest.received + first.sent - first.received;
    if (missed > 0) {
      throw new Error(
        `${missed} pings from ${from.name} to ${to.name} got no answer`,
      );
    }
    const cost = faint(`first ${first.max.toFixed(3)}`);
    line(`  ${arrow(from, to)}  ${roundTripText(rest)}  ${cost}`);
    results.push(rest);
  }
  return results;
}

/** Sends a TCP stream between each pair, and prints and returns the throughput in Gbit/s. */
async function streamAll(pairs: readonly Pair[]): Promise<number[]> {
  title(`TCP, one stream, ${STREAM_SECONDS} s each way (Gbit/s)`);
  const results: number[] = [];
  for (const [from, to] of pairs) {
    let second = 0;
    const mean = await stream(from, to, STREAM_SECONDS, (rate) => {
      line(faint(`  ${arrow(from, to)}  ${++second} s  ${rate.toFixed(2)}`));
    });
    line(`  ${arrow(from, to)}  all  ${mean.toFixed(2)}`);
    results.push(mean);
  }
  return results;
}

function summary(
  pairs: readonly Pair[],
  roundTrips: readonly RoundTrips[],
  rates: readonly number[],
): void {
  title("Summary");
  const head = ["from", "to", "min ms", "avg ms", "max ms", "TCP Gbit/s"];
  const rows = pairs.map(([from, to], i) => {
    const { min, avg, max } = roundTrips[i]!;
    const times = [min, avg, max].map((ms) => ms.toFixed(3));
    return [from.name, to.name, ...times, rates[i]!.toFixed(2)];
  });
  const [first, ...rest] = columns([head, ...rows], 2);
  line(faint(`  ${first}`));
  rest.forEach((row) => line(`  ${row}`));
}

function arrow(from: Named, to: Named): string {
  return `${from.name.padStart(5)} -> ${to.name.padEnd(5)}`;
}
