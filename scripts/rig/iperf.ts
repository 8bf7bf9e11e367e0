/** TCP between guests by iperf3. */

import type { Guest } from "./guest.ts";

const PORT = 5201;
/** Port of {@linkcode startStreams}, so that {@linkcode throughput} can run at the same time. */
const STREAMS_PORT = 5301;
/** Bytes with which a stream proceeds: more than the connection has that controls the streams. */
const STREAM_BYTES = 65_536;
const MBIT = 1e6;

/** Runs a stream of `seconds` from `client` to `server`. Returns the bits per second that `server` received. */
export async function throughput(
  client: Guest,
  server: Guest,
  address: string,
  seconds: number,
): Promise<number> {
  await server.must(`iperf3 -s -1 -D -p ${PORT}`);
  await listening(server, PORT);
  const result = JSON.parse(
    await client.must(
      `iperf3 -J -c ${address} -p ${PORT} -t ${seconds}`,
      seconds + 60,
    ),
  );
  return result.end.sum_received.bits_per_second;
}

/**
 * Starts streams in both directions, which run for at most `seconds`. Returns a function that ends them, and throws if
 * they have ended before.
 *
 * @param limit rate of each stream in megabits per second; default: as fast as possible
 */
export async function startStreams(
  client: Guest,
  server: Guest,
  address: string,
  seconds: number,
  limit = 0,
): Promise<() => Promise<void>> {
  const serving = await server.must(
    `iperf3 -s -p ${STREAMS_PORT} > /dev/null 2>&1 & echo $!`,
  );
  await listening(server, STREAMS_PORT);
  const sending = await client.must(
    `iperf3 -c ${address} -p ${STREAMS_PORT} --bidir -t ${seconds} -b ${limit}M > /tmp/streams.log 2>&1 & echo $!`,
  );
  return async () => {
    await client.must(`kill -INT ${sending.trim()}`);
    await server.must(`kill ${serving.trim()}`);
  };
}

/** Waits until both streams of {@linkcode startStreams} have carried further bytes, for `seconds` at normal machine speed. */
export async function streamsProceed(
  server: Guest,
  seconds: number,
): Promise<void> {
  const connections = `ss -tinH 'sport = :${STREAMS_PORT}'`;
  const counters = ["bytes_received", "bytes_acked"].map((counter) =>
    `$(($(${connections} | grep -o '${counter}:[0-9]*' | cut -d: -f2 | paste -sd+) + 0))`
  );
  const before = (await server.must(`echo ${counters.join(" ")}`)).split(" ");
  const conditions = counters.map((counter, i) =>
    `[ ${counter} -gt ${Number(before[i]) + STREAM_BYTES} ]`
  );
  await server.waitFor(conditions.join(" && "), seconds, connections);
}

/** Streams in both directions. */
export interface ParallelStreams {
  /** Streams of each direction. */
  readonly count: number;
  readonly seconds: number;
  /** Seconds at the end of which {@linkcode parallelStreams} returns the bytes. */
  readonly tailSeconds: number;
}

/**
 * Runs streams between `client` and `server` during `run`. Returns the bytes of each stream in the tail: `count` streams
 * of each direction. Throws if a stream ends early.
 */
export async function parallelStreams(
  client: Guest,
  server: Guest,
  address: string,
  { count, seconds, tailSeconds }: ParallelStreams,
  run: () => Promise<unknown>,
): Promise<number[]> {
  await server.must(`iperf3 -s -1 -D -p ${PORT}`);
  await listening(server, PORT);
  const [text] = await Promise.all([
    client.must(
      `iperf3 -J -c ${address} -p ${PORT} --bidir -P ${count} -t ${seconds}`,
      seconds + 120,
    ),
    run(),
  ]);
  return tailBytes(text, seconds - tailSeconds);
}

/** Parses the output of `iperf3 -J`. Returns the bytes of each stream in the intervals that start at `from` seconds or later. */
export function tailBytes(text: string, from: number): number[] {
  const { intervals }: IperfResult = JSON.parse(text);
  const bytes = new Map<number, number>();
  for (const { streams } of intervals) {
    for (const { socket, start, bytes: more } of streams) {
      const before = bytes.get(socket) ?? 0;
      bytes.set(socket, before + (start >= from ? more : 0));
    }
  }
  return [...bytes.values()];
}

/** The part of the output of `iperf3 -J` that {@linkcode tailBytes} uses. */
interface IperfResult {
  readonly intervals: readonly {
    readonly streams: readonly {
      readonly socket: number;
      readonly start: number;
      readonly bytes: number;
    }[];
  }[];
}

/** Waits until a server listens on `port`. */
function listening(server: Guest, port: number): Promise<void> {
  return server.waitFor(`ss -ltn | grep -q :${port}`, 10, "ss -ltn");
}

/** Formats a rate in bits per second as megabits per second. */
export function megabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / MBIT).toFixed(1)} Mbit/s`;
}
