/** TCP throughput between guests, by iperf3. */

import type { Guest } from "./guest.ts";

const PORT = 5201;

/** Bits per second that arrived at `server` from `client` in a run of some seconds. */
export async function throughput(
  client: Guest,
  server: Guest,
  address: string,
  seconds: number,
): Promise<number> {
  await server.must(
    `iperf3 -s -1 -D -p ${PORT}
     for i in $(seq 100); do ss -ltn | grep -q :${PORT} && exit 0; sleep 0.1; done; exit 1`,
  );
  const told = JSON.parse(
    await client.must(
      `iperf3 -J -c ${address} -p ${PORT} -t ${seconds}`,
      seconds + 60,
    ),
  );
  return told.end.sum_received.bits_per_second;
}
