/** TCP between the kernel's interface and ours, both ways. */

import { assert } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../harness/fabric.ts";
import type { Guest } from "../harness/guest.ts";

const SECONDS = 4;
const PORT = 5201;

/** Bits per second that arrived at `server` from `client`. */
export async function throughput(
  client: Guest,
  server: Guest,
  address: string,
  seconds = SECONDS,
): Promise<number> {
  await server.must(
    `iperf3 -s -1 -D -p ${PORT} -I /tmp/iperf.pid
     for i in $(seq 50); do ss -ltn | grep -q :${PORT} && exit 0; sleep 0.1; done; exit 1`,
  );
  const told = JSON.parse(
    await client.must(
      `iperf3 -J -c ${address} -p ${PORT} -t ${seconds}`,
      seconds + 60,
    ),
  );
  return told.end.sum_received.bits_per_second;
}

export function iperf(fabric: Fabric, mtu: number): void {
  Deno.test(`iperf3 with MTU ${mtu} runs from our interface to the kernel's, and back`, async () => {
    const { a, c } = fabric;
    assert(await throughput(c, a, KERNELS[0]) > 0);
    assert(await throughput(a, c, OURS) > 0);
  });
}
