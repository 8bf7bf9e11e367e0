/**
 * A long run of TCP both ways: no memory is lost and no completion.
 */

import { assert, assertEquals } from "@std/assert";
import { type Fabric, KERNELS } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const SECONDS = 600;
/** The first packets make the compiler work, which takes memory of its own. */
const WARM_UP_SECONDS = 15;
const SAMPLES = 10;
const FLAT = 0.05;

export function leak(fabric: Fabric): void {
  fullTest(
    `${SECONDS} seconds of TCP both ways leave memory flat and every completion accounted for`,
    async () => {
      const { a, c, node } = fabric;
      await a.must("iperf3 -s -D -p 5301");
      const { pid } = await node.link();
      await c.must(
        `iperf3 -c ${KERNELS[0]} -p 5301 --bidir -t ${
          WARM_UP_SECONDS + SECONDS + 120
        } > /tmp/leak.log 2>&1 & echo $! > /tmp/leak.pid`,
      );
      const samples = await sample(c, pid);
      await c.must("kill -INT $(cat /tmp/leak.pid)");
      await a.must("pkill -f 'iperf3 -s -D -p 5301'; true");
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
      assert(residents.at(-1)! <= residents[0]! * (1 + FLAT), `${residents}`);
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

/** Memory of `pid` and packets through `ib0`, from the warm-up's end on, by a script that costs next to nothing. */
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
