/**
 * A long run of TCP both ways: no memory is lost and no completion.
 *
 * It is long with `IPOIB_FULL=1` only: ten minutes.
 */

import { assert, assertEquals } from "@std/assert";
import { type Fabric, KERNELS } from "../../../scripts/rig/fabric.ts";
import { report } from "../../../scripts/rig/report.ts";

const SECONDS = Deno.env.get("IPOIB_FULL") === "1" ? 600 : 20;
/** The first packets make the compiler work, which takes memory of its own. */
const WARM_UP_SECONDS = 15;
const FLAT = 0.05;

export function leak(fabric: Fabric): void {
  Deno.test(`${SECONDS} seconds of TCP both ways leave memory flat and every completion accounted for`, async () => {
    const { a, c, node } = fabric;
    await a.must("iperf3 -s -D -p 5301");
    const traffic = c.must(
      `iperf3 -c ${KERNELS[0]} -p 5301 --bidir -t ${
        WARM_UP_SECONDS + SECONDS + 10
      } > /tmp/leak.log 2>&1; true`,
      WARM_UP_SECONDS + SECONDS + 120,
    );
    const { pid } = await node.link();
    await sleep(WARM_UP_SECONDS);
    const before = await node.statistics();
    const residents = [await node.residentKiB(pid)];
    const end = performance.now() + SECONDS * 1000;
    while (performance.now() < end) {
      await sleep(SECONDS / 10);
      residents.push(await node.residentKiB(pid));
    }
    const during = await node.statistics();
    await traffic;
    const after = await node.statistics();
    await a.must("pkill -f 'iperf3 -s -D -p 5301'; true");
    const packets = (of: Record<string, number>) =>
      of["rx_packets"]! + of["tx_packets"]!;
    const [first] = residents;
    const last = residents.at(-1)!;
    report(
      `${packets(during) - packets(before)} packets in ${SECONDS} s, resident ${
        residents.join(" ")
      } KiB`,
    );
    assert(packets(during) > packets(before));
    assert(last <= first! * (1 + FLAT), `${residents}`);
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
  });
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
