/** TCP streams through an idle network, measured with iperf3. */

import { interrupted, runFor } from "./inside.ts";
import { cpuBetween, type CpuSeconds, type Subject } from "./subject.ts";

/** A flow from one end of a subject to another. */
export type Flow = readonly [from: number, to: number];

/** Result of a TCP stream. */
export interface Stream {
  readonly gbitPerSecond: number;
  readonly bytes: number;
  readonly retransmits: number;
}

/**
 * Runs a TCP stream for each flow at the same time, with cubic, a congestion control that reacts to losses. Returns the
 * results and the CPU seconds per GB.
 */
export async function tcpStreams(
  subject: Subject,
  flows: readonly Flow[],
  seconds: number,
): Promise<{ streams: Stream[]; cpuPerGb: CpuSeconds }> {
  const servers: TcpServer[] = [];
  try {
    for (const [, to] of flows) {
      servers.push(await TcpServer.start(subject.namespaces[to]!));
    }
    const before = subject.cpu();
    const streams = await Promise.all(
      flows.map((flow) => tcpStream(subject, flow, seconds)),
    );
    const { user, all } = cpuBetween(before, subject.cpu());
    const gb = streams.reduce((sum, stream) => sum + stream.bytes, 0) / 1e9;
    return { streams, cpuPerGb: { user: user / gb, all: all / gb } };
  } finally {
    await Promise.all(servers.map((server) => server.end()));
  }
}

/** Runs a TCP stream from the first end to the second, over IPv4 or, with `addresses`, between others. */
export async function tcp(
  subject: Subject,
  seconds: number,
  addresses = subject.addresses,
): Promise<Stream & { cpuPerGb: CpuSeconds }> {
  const { streams, cpuPerGb } = await tcpStreams(
    { ...subject, addresses },
    [[0, 1]],
    seconds,
  );
  return { ...streams[0]!, cpuPerGb };
}

async function tcpStream(
  { namespaces, addresses }: Subject,
  [from, to]: Flow,
  seconds: number,
): Promise<Stream> {
  const report = await runFor(
    seconds,
    namespaces[from]!,
    ...["iperf3", "--json", "--congestion", "cubic"],
    ...["--client", addresses[to]!, "--time", String(seconds)],
  );
  const { sum_received, sum_sent } = JSON.parse(report).end;
  return {
    gbitPerSecond: sum_received.bits_per_second / 1e9,
    bytes: sum_received.bytes,
    retransmits: sum_sent.retransmits,
  };
}

/** A server for one TCP stream. */
class TcpServer {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  static async start(namespace: string): Promise<TcpServer> {
    const child = new Deno.Command("nsenter", {
      args: [`--net=${namespace}`, "iperf3", "-s", "-1", "--forceflush"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      signal: interrupted,
    }).spawn();
    const lines = child.stdout.getReader();
    await lines.read();
    lines.releaseLock();
    // Discards further output, so that a full pipe cannot block the server.
    child.stdout.pipeTo(new WritableStream()).catch(() => {});
    return new TcpServer(child);
  }

  async end(): Promise<void> {
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 1000);
    await this.#child.status;
    clearTimeout(late);
  }
}
