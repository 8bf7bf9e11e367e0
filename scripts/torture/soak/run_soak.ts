/** Part "soak": sustained traffic between two hosts for the whole time, while other hosts start and stop. */

import { slowness } from "../../machine.ts";
import {
  type Host,
  iperfServer,
  Lab,
  pause,
  type Program,
  startManager,
  until,
} from "../../../tests/e2e/harness/mod.ts";
import { random } from "../../../tests/wire/support.ts";
import type { PartOptions, Row } from "../part.ts";
import { type Churn, commands, flaps, groups, visitor } from "./churn.ts";
import { Samples } from "./samples.ts";

/** Interval of samples. */
const SAMPLE_MS = 2000;
/** Approximate number of samples of a run shorter than SAMPLES * SAMPLE_MS. */
const SAMPLES = 60;
/**
 * Rate of the datagrams on a usual machine, in Mbit/s: about 100,000 per second. A rate above what the machine carries
 * fills the queue, which then drops the stream's acknowledgements.
 */
const RATE_MBPS = 50;
/** More packets than the handshakes need. */
const FIRST_PACKETS = 1000;
/** Interval of progress lines. */
const PROGRESS_MS = 60_000;

/** Runs the part. */
export async function runSoak(options: PartOptions): Promise<Row[]> {
  await using lab = await Lab.open();
  const ms = options.minutes * 60_000;
  const next = random(options.seed);
  // The manager runs in a separate process, so that its resources are sampled separately.
  const manager = await startManager(lab);
  const [a, b, flapping] = await lab.hosts(3);
  const [guest] = await lab.hosts(1);
  await Promise.all([a.up(), b.up(), flapping.up()]);
  const streams = await startTraffic(a, b);
  const churns: Churn[] = [
    visitor(guest, a, next),
    groups(b, next),
    flaps(flapping, next),
    commands(a, next),
  ];
  const samples = new Samples({
    sender: a.daemon.pid,
    receiver: b.daemon.pid,
    flapping: flapping.daemon.pid,
    manager: manager.pid,
  });
  const failures: string[] = [];
  const start = performance.now();
  const ended = () => performance.now() - start > ms || failures.length > 0;
  const churning = churns.map((churn) =>
    churn.run(ended).catch((error) => {
      failures.push(`${churn.name}: ${error.message}`);
    })
  );
  let nextLine = start + PROGRESS_MS;
  while (!ended()) {
    if (performance.now() >= nextLine) {
      const minute = Math.round((nextLine - start) / 60_000);
      const counts = churns.map(({ name, count }) => `${count} ${name}`);
      options.say(
        `minute ${minute} of ${options.minutes}: ${samples.packets} packets, ${
          counts.join(", ")
        }`,
      );
      nextLine += PROGRESS_MS;
    }
    try {
      samples.take(await packets(a) + await packets(b));
    } catch (error) {
      failures.push(`a sample: ${(error as Error).message}`);
    }
    for (const stream of streams) {
      if (stream.ended) failures.push(`${stream.title}: ${stream.output}`);
    }
    await pause(Math.min(SAMPLE_MS, ms / SAMPLES));
  }
  await Promise.all(churning);
  for (const line of samples.lines()) options.say(line);
  if (failures.length > 0) options.say(await lab.report());
  return rowsOf(samples, churns, failures);
}

/** Starts a TCP stream in one direction and small datagrams in the other; returns when both arrive. */
async function startTraffic(a: Host, b: Host): Promise<Program[]> {
  await iperfServer(b);
  await iperfServer(a);
  const forever = ["-t", "86400", "-i", "60", "--forceflush"];
  const stream = b.start("iperf3", "-c", a.address, ...forever);
  // The stream connects before the datagrams, which share the queue with its handshake.
  await arrives(stream, a);
  const rate = `${Math.round(RATE_MBPS * 1000 / slowness())}K`;
  const small = ["-u", "-l", "64", "-b", rate];
  const datagrams = a.start("iperf3", "-c", b.address, ...small, ...forever);
  await arrives(datagrams, b);
  return [stream, datagrams];
}

/** Waits for the first packets of `program` at `host`; throws with the program's output if it ends. */
async function arrives(program: Program, host: Host): Promise<void> {
  const before = await packets(host);
  await until(`packets arrive at ${host.namespace}`, async () => {
    if (program.ended) throw new Error(`${program.title}: ${program.output}`);
    return await packets(host) > before + FIRST_PACKETS;
  });
}

/** Returns the number of packets that a host's interface has received. */
async function packets(host: Host): Promise<number> {
  return (await host.link()).stats64!.rx.packets;
}

function rowsOf(
  samples: Samples,
  churns: readonly Churn[],
  failures: readonly string[],
): Row[] {
  const growth = samples.growth();
  return [
    {
      what: "packets",
      times: samples.packets,
      failures,
      note: `${samples.count} samples`,
    },
    ...churns.map(({ name, count }) => ({
      what: name,
      times: count,
      failures: [],
    })),
    ...Object.entries(growth).map(([name, grown]) => ({
      what: `memory of the ${name}`,
      times: 1,
      failures: grown,
    })),
  ];
}
