/**
 * A port of ipoib that requires a GRH, as that of an mlx5 virtual function does: the kernel refuses its address handles,
 * connections and MADs without one. The subnet administrator ignores MADs of this port without one.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { reregister } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { megabits, throughput } from "../../../scripts/rig/iperf.ts";
import { unanswered } from "../../../scripts/rig/ping.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const SIZES = [56, 2016, 6000];
/** Needs a connection. */
const CONNECTED_SIZE = 30_000;
const SECONDS = 2;
/** LID of the port. */
const LID = 3;

export function grhRequired(fabric: Fabric): void {
  fullTest(
    "on a port that requires a GRH, ipoib exchanges pings, TCP and messages of connections with ib_ipoib, also after a client reregister",
    async () => {
      const { a, c, node } = fabric;
      const setMode = (mode: "datagram" | "connected") =>
        Promise.all([
          a.must(`echo ${mode} > /sys/class/net/ib0/mode`),
          node.setMode(mode),
        ]);
      await node.down();
      await c.must("/rig/guest/port-setup 2048 grh_required=1");
      await a.must(`/rig/guest/sa '' ${LID}`);
      await reregister(fabric);
      try {
        await node.up();
        await assertReachable(fabric, SIZES);
        await assertTcp(a, c);
        await reregister(fabric);
        await fabric.flushNeighbours();
        await assertReachable(fabric, SIZES);
        await setMode("connected");
        assertEquals(await unanswered(c, [KERNELS[0]], [CONNECTED_SIZE]), []);
        assertEquals(await unanswered(a, [OURS], [CONNECTED_SIZE]), []);
        await setMode("datagram");
        const { port_mads_send_failed: refused } = await node.statistics();
        assertEquals(refused, 0);
        const log = await a.must("cat /run/sa.log");
        assertStringIncludes(log, `LID ${LID} Get PathRecord`);
        assert(!log.includes("ignored"), log);
      } finally {
        if (node.started) await node.down();
        await c.must("/rig/guest/port-setup");
        await a.must("/rig/guest/sa");
        await reregister(fabric);
        await node.up();
      }
      await assertReachable(fabric, [SIZES[0]!]);
    },
  );
}

async function assertReachable(
  { a, b, c }: Fabric,
  sizes: readonly number[],
): Promise<void> {
  assertEquals(await unanswered(c, KERNELS, sizes), []);
  assertEquals(await unanswered(a, [OURS], sizes), []);
  assertEquals(await unanswered(b, [OURS], sizes), []);
}

async function assertTcp(kernel: Guest, ours: Guest): Promise<void> {
  const sent = await throughput(ours, kernel, KERNELS[0], SECONDS);
  const received = await throughput(kernel, ours, OURS, SECONDS);
  report(
    `GRH required: sending ${megabits(sent)}, receiving ${megabits(received)}`,
  );
  assert(sent > 0);
  assert(received > 0);
}
