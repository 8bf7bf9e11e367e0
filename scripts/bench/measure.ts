/** The measurements: each takes a link that is up and idle, and leaves it so. */

import { Helper, runInside } from "./inside.ts";
import type { Subject } from "./subject.ts";

/** Datagrams a second of the loss measurement. */
export const UDP_RATE = 150_000;
const UDP_SIZE = 64;
const UDP_PORT = 5300;
const PINGS = 500;

/** TCP from the first end to the second, one stream. */
export async function tcp(
  { namespaces: [near, far], addresses, cpuSeconds }: Subject,
  seconds: number,
): Promise<{ gbitPerSecond: number; cpuSecondsPerGb: number }> {
  const server = new Deno.Command("nsenter", {
    args: [`--net=${far}`, "iperf3", "-s", "-1", "--forceflush"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = server.stdout.getReader();
  await lines.read();
  const before = cpuSeconds();
  const report = await runInside(
    near,
    "iperf3",
    "--json",
    "--client",
    addresses[1],
    "--time",
    String(seconds),
  );
  const cpu = cpuSeconds() - before;
  await lines.cancel();
  await server.status;
  const { bytes, bits_per_second } = JSON.parse(report).end.sum_received;
  return {
    gbitPerSecond: bits_per_second / 1e9,
    cpuSecondsPerGb: cpu / (bytes / 1e9),
  };
}

/** The share of datagrams that a fixed rate loses, 0 to 1. */
export async function udpLoss(
  { namespaces: [near, far], addresses }: Subject,
  pps: string,
  seconds: number,
): Promise<number> {
  const counter = await Helper.start("nsenter", [
    `--net=${far}`,
    pps,
    "count",
    String(UDP_PORT),
  ]);
  const sent = Number(
    await runInside(
      near,
      pps,
      "blast",
      addresses[1],
      ...[UDP_PORT, UDP_SIZE, seconds, UDP_RATE].map(String),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const received = Number(await counter.end());
  return 1 - received / sent;
}

/** Idle round trip: the mean of many pings, 2 ms apart, in microseconds. */
export async function idleRtt(
  { namespaces: [near], addresses }: Subject,
): Promise<number> {
  const output = await runInside(
    near,
    "ping",
    "-q",
    "-c",
    String(PINGS),
    "-i",
    "0.002",
    addresses[1],
  );
  return rttOf(output);
}

/** The average that ping(8) reports, in microseconds; throws if it reports none. */
export function rttOf(output: string): number {
  const match = /min\/avg\/max\/mdev = [0-9.]+\/([0-9.]+)\//.exec(output);
  if (!match) throw new Error(`ping reports no round trip: ${output}`);
  return Number(match[1]) * 1000;
}
