/** iperf3 between hosts. */

import { patient } from "../../../scripts/machine.ts";
import { run } from "./command.ts";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** Tests expect a million bytes, for which a slow machine may need more than a second. */
const MAX_SECONDS = 4;
const SECONDS = `${Math.min(MAX_SECONDS, Math.ceil(patient(1)))}`;

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

/**
 * Runs a client for one second, or up to {@linkcode MAX_SECONDS} on a slow machine, with additional arguments `args`. Throws if iperf3 reports an error. The client is run
 * again if it is refused: a server does not listen for a moment after each client.
 */
export async function iperf(
  from: Host,
  to: string,
  ...args: string[]
): Promise<IperfResult> {
  const { end } = await until("the server of iperf3 to listen", async () => {
    const { code, stdout, stderr } = await run(
      from.inside(["iperf3", "-J", "-c", to, "-t", SECONDS, ...args]),
    );
    if (stdout.includes("Connection refused")) return false;
    const report = code === 0 ? JSON.parse(stdout) : {};
    if (code === 0 && !report.error) return report;
    throw new Error(`iperf3: exit code ${code}\n${stdout}${stderr}`);
  });
  const sum = end.sum_received ?? end.sum;
  return { received: sum.bytes, lost: end.sum?.lost_percent ?? 0 };
}
