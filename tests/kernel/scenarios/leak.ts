/** A long run of TCP in both directions: no memory leak and no lost completion. */

import { assert, assertEquals } from "@std/assert";
import { type Fabric, KERNELS } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { startStreams } from "../../../scripts/rig/iperf.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const SECONDS = 600;
/** During the first packets the JIT compiler allocates memory. */
const WARM_UP_SECONDS = 15;
const SAMPLES = 10;
/** Maximum growth of the resident memory, as a fraction. */
const MAX_GROWTH = 0.05;

export function leak(fabric: Fabric): void {
  fullTest(
    `${SECONDS} seconds of TCP in both directions leak no memory and lose no completion`,
    async () => {
      const { a, c, node } = fabric;
      const { pid } = await node.link();
      const limit = WARM_UP_SECONDS + SECONDS + 120;
      const stop = await startStreams(c, a, KERNELS[0], limit);
      const samples = await sample(c, pid);
      await stop();
      const after = await node.statistics();
      const packets = samples.map((each) => each.packets);
      const residents = samples.map((each) => each.residentKiB);
      report(
        `${packets.at(-1)! - packets[0]!} packets in ${SECONDS} s, resident ${
          residents.join(" ")
        } KiB`,
      );
      for (let i = 1; i < packets.length; i++) {
        assert(packets[i]! > packets[i - 1]!, `${packets}`);
      }
      assert(
        residents.at(-1)! <= residents[0]! * (1 + MAX_GROWTH),
        `${residents}`,
      );
      for (const queue of ["", "rcv_"]) {
        const count = (name: string) => after[`port_${queue}${name}`];
        assertEquals(
          count("posted"),
          count("completed")! + count("outstanding")!,
          queue,
        );
        assertEquals(count("abandoned"), 0, queue);
      }
      assertEquals(after["port_send_errors"], 0);
      assertEquals(after["port_post_failed"], 0);
      assertEquals(after["port_rcv_errors"], 0);
    },
  );
}

/**
 * Samples the resident memory of `pid` and the packets through `ib0` after the warm-up. Uses a script with little
 * overhead.
 */
async function sample(
  guest: Guest,
  pid: number,
): Promise<{ residentKiB: number; packets: number }[]> {
  const text = await guest.must(
    `cd /sys/class/net/ib0/statistics
     sleep ${WARM_UP_SECONDS}
     for i in $(seq 0 ${SAMPLES}); do
       [ $i = 0 ] || sleep ${SECONDS / SAMPLES}
       echo $(awk '/^VmRSS/ { print $2 }' /proc/${pid}/status) $(($(cat rx_packets) + $(cat tx_packets)))
     done`,
    WARM_UP_SECONDS + SECONDS + 60,
  );
  return text.trim().split("\n").map((line) => {
    const [residentKiB, packets] = line.split(" ").map(Number);
    return { residentKiB: residentKiB!, packets: packets! };
  });
}
