/** TCP between guests by iperf3. */

import type { Guest } from "./guest.ts";

const PORT = 5201;
/** Port of {@linkcode startStreams}, so that {@linkcode throughput} can run at the same time. */
const STREAMS_PORT = 5301;
/** Bytes with which a stream proceeds: more than the connection has that controls the streams. */
const STREAM_BYTES = 65_536;
const MBIT = 1e6;
const POLL_MS = 1000;

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
 * @param count number of streams of each direction
 */
export async function startStreams(
  client: Guest,
  server: Guest,
  address: string,
  seconds: number,
  limit = 0,
  count = 1,
): Promise<() => Promise<void>> {
  const serving = await server.must(
    `iperf3 -s -p ${STREAMS_PORT} > /dev/null 2>&1 & echo $!`,
  );
  await listening(server, STREAMS_PORT);
  const sending = await client.must(
    `iperf3 -c ${address} -p ${STREAMS_PORT} --bidir -P ${count} -t ${seconds} -b ${limit}M > /tmp/streams.log 2>&1 & echo $!`,
  );
  return async () => {
    await client.must(`kill -INT ${sending.trim()}`);
    await server.must(`kill ${serving.trim()}`);
  };
}

/**
 * Waits until each of a number of streams of {@linkcode startStreams} has carried further bytes, for `seconds` at normal
 * machine speed. Returns the time in seconds. Throws if one has not.
 */
export async function streamsProceed(
  server: Guest,
  seconds: number,
  streams = 2,
): Promise<number> {
  const sockets = () => server.must(`ss -tinHO 'sport = :${STREAMS_PORT}'`);
  const before = carriedBytes(await sockets());
  const begin = performance.now();
  const limit = 1000 * server.patient(seconds);
  while (true) {
    const text = await sockets();
    const proceeding = [...carriedBytes(text)].filter(([peer, bytes]) =>
      bytes > (before.get(peer) ?? 0) + STREAM_BYTES
    );
    const taken = performance.now() - begin;
    if (proceeding.length >= streams) return taken / 1000;
    if (taken > limit) {
      throw new Error(
        `${proceeding.length} of ${streams} streams proceed:\n${text}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * Parses the output of `ss -tinHO`. Returns the bytes that each connection has received, and has sent and got
 * acknowledged, by the address of its peer.
 */
export function carriedBytes(text: string): Map<string, number> {
  return new Map(
    text.split("\n").filter((line) => line !== "").map((line) => {
      const peer = line.trim().split(/\s+/)[4]!;
      const counters = line.matchAll(/ bytes_(?:acked|received):(\d+)/g);
      const sum = [...counters].reduce((sum, [, n]) => sum + Number(n), 0);
      return [peer, sum];
    }),
  );
}

/** Waits until a server listens on `port`. */
function listening(server: Guest, port: number): Promise<void> {
  return server.waitFor(`ss -ltn | grep -q :${port}`, 10, "ss -ltn");
}

/** Formats a rate in bits per second as megabits per second. */
export function megabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / MBIT).toFixed(1)} Mbit/s`;
}
