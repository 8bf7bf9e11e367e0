/** iperf3 between hosts. */

import { must } from "./command.ts";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

/** Starts an iperf3 server, which runs until the lab is disposed of. */
export async function iperfServer(host: Host): Promise<Program> {
  const server = host.start("iperf3", "-s", "--forceflush");
  await server.prints(/Server listening/);
  return server;
}

/** Result of a run of iperf3. */
export interface IperfResult {
  /** Bytes received. */
  readonly received: number;
  /** Lost datagrams in percent; 0 for TCP. */
  readonly lost: number;
}

/** Runs a client for one second with additional arguments `args`. Throws if iperf3 reports an error. */
export async function iperf(
  from: Host,
  to: string,
  ...args: string[]
): Promise<IperfResult> {
  const text = await must(
    from.inside(["iperf3", "-J", "-c", to, "-t", "1", ...args]),
  );
  const { end, error } = JSON.parse(text);
  if (error) throw new Error(`iperf3: ${error}`);
  const sum = end.sum_received ?? end.sum;
  return { received: sum.bytes, lost: end.sum?.lost_percent ?? 0 };
}
