/** iperf3 between hosts. */

import { run } from "./command.ts";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** End of a TCP run. Bytes that the server has not read when the client ends are not counted as received. */
const TCP_END = ["-n", "32M"];
/** End of a UDP run: the bit rate determines the number of datagrams. */
const UDP_END = ["-t", "1"];
/** Options that determine the end of a run. */
const ENDS = ["-n", "-t"];
/** Reports of a stream that has started: the first of them may include the slow start of TCP. */
const REPORTS = /(?:bits\/sec[^]*){3}/;

/** Starts an iperf3 server, which runs until the lab is disposed of. */
export async function iperfServer(host: Host): Promise<Program> {
  const server = host.start("iperf3", "-s", "--forceflush");
  await server.prints(/Server listening/);
  return server;
}

/**
 * Starts a client that runs until the lab is disposed of, with additional arguments `args`, and waits for its first
 * reports. They come each 0.2 s.
 */
export async function iperfStream(
  from: Host,
  to: Host,
  ...args: string[]
): Promise<Program> {
  const client = from.start(
    ...["iperf3", "-c", to.address, "-t", "600", "-i", "0.2", "--forceflush"],
    ...args,
  );
  await client.prints(REPORTS);
  return client;
}

/** Errors of a client whose connection the server has not accepted. */
const NOT_SERVED =
  /Connection (refused|reset)|control socket has closed|server is busy/;

/** Result of a run of iperf3. */
export interface IperfResult {
  /** Bytes received. */
  readonly received: number;
  /** Lost datagrams in percent; 0 for TCP. */
  readonly lost: number;
}

/**
 * Runs a client with additional arguments `args`, by default until it has sent 32 MiB by TCP, or datagrams for a
 * second. Throws if iperf3 reports an error. The client is run again if the server does not accept its connection: a
 * server does not listen for a moment after each client.
 */
export async function iperf(
  from: Host,
  to: string,
  ...args: string[]
): Promise<IperfResult> {
  const usual = args.includes("-u") ? UDP_END : TCP_END;
  const ends = args.some((each) => ENDS.includes(each)) ? [] : usual;
  const { end } = await until("the server of iperf3 to listen", async () => {
    const { code, stdout, stderr } = await run(
      from.inside(["iperf3", "-J", "-c", to, ...ends, ...args]),
    );
    const report = stdout.startsWith("{") ? JSON.parse(stdout) : {};
    if (code === 0 && !report.error) return report;
    if (NOT_SERVED.test(report.error) && !report.start?.connected?.length) {
      return false;
    }
    throw new Error(`iperf3: exit code ${code}\n${stdout}${stderr}`);
  });
  const sum = end.sum_received ?? end.sum;
  return { received: sum.bytes, lost: end.sum?.lost_percent ?? 0 };
}
