/**
 * Connected mode between ipoib and ib_ipoib. All interfaces are switched to connected mode with an MTU of 65520, and
 * back to datagram mode at the end.
 */

import { assert, assertEquals } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import {
  megabits,
  startStreams,
  throughput,
} from "../../../scripts/rig/iperf.ts";
import { outages } from "../../../scripts/rig/outage.ts";
import { pingOnce, unanswered, unresolved } from "../../../scripts/rig/ping.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { kernelMode, type Mode } from "../modes.ts";

/** Payload sizes: one that fits the MTU of datagram mode, and two that need connections. */
const SIZES = [1000, 30_000, 60_000];
const SECONDS = 3;
const CONNECTED_MTU = 65_520;
const RECONNECTIONS = 20;
/** Time limits at normal machine speed. */
const RECOVERY_SECONDS = 5;
const STREAM_SECONDS = 300;
const CONNECTION_SECONDS = 10;

export function connected(fabric: Fabric): void {
  const allInMode = (mode: Mode) =>
    Promise.all([
      kernelMode(fabric.a, mode),
      kernelMode(fabric.b, mode),
      fabric.node.setMode(mode),
    ]);

  Deno.test("ipoib and ib_ipoib in connected mode ping each other with packets of up to 60000 bytes", async () => {
    const { a, b, c, node } = fabric;
    await allInMode("connected");
    assertEquals((await node.link()).mtu, CONNECTED_MTU);
    assertEquals(await unanswered(c, KERNELS, SIZES), []);
    assertEquals(await unanswered(a, [OURS], SIZES), []);
    assertEquals(await unanswered(b, [OURS], SIZES), []);
    // In both directions packets of 1000 bytes are sent on the connections too. On a slow machine a connection may take
    // longer than the limit, after which packets are sent over UD for a minute, or be closed after an idle minute.
    await c.waitFor(
      `${
        KERNELS.map((each) => `${pingOnce(c, each, 1)} > /dev/null`).join("; ")
      }
       ipoib -d link show ib0 | grep -q 'connections active 2 passive 2$'`,
      CONNECTION_SECONDS,
      "ipoib -d link show ib0",
    );
  });

  Deno.test("TCP between ipoib and ib_ipoib in connected mode works in both directions", async () => {
    const { a, b, c } = fabric;
    const kernels = await throughput(b, a, KERNELS[0], SECONDS);
    const sent = await throughput(c, a, KERNELS[0], SECONDS);
    const received = await throughput(a, c, OURS, SECONDS);
    const ratio = (rate: number) => (rate / kernels).toFixed(2);
    report(
      `connected mode: kernel to kernel ${megabits(kernels)}, sending ${
        megabits(sent)
      } (${ratio(sent)}), receiving ${megabits(received)} (${ratio(received)})`,
    );
    assert(sent > 0);
    assert(received > 0);
  });

  /** Runs TCP in both directions while `change` runs. Checks that pings continue within the time limit. */
  async function recoversUnderLoad(
    title: string,
    change: () => Promise<unknown>,
  ): Promise<void> {
    const { a, c } = fabric;
    const end = await startStreams(a, c, OURS, a.patient(STREAM_SECONDS));
    try {
      const found = await outages([
        { name: "to ipoib", from: a, to: OURS },
        { name: "from ipoib", from: c, to: KERNELS[0] },
      ], { title, inject: change, limit: 60 });
      const limit = 1000 * c.patient(RECOVERY_SECONDS);
      for (const { resumedMs } of found) assert(resumedMs <= limit, title);
    } finally {
      await end();
    }
  }

  fullTest(
    "traffic goes on while ib_ipoib or ipoib switches its mode under load",
    async () => {
      for (const mode of ["datagram", "connected"] as const) {
        await recoversUnderLoad(
          `ib_ipoib to ${mode} mode`,
          () => kernelMode(fabric.a, mode),
        );
        await recoversUnderLoad(
          `ipoib to ${mode} mode`,
          () => fabric.node.setMode(mode),
        );
      }
    },
  );

  fullTest(
    "ipoib connects again after ib_ipoib is loaded again, and twenty times after both ends have ended their connections",
    async () => {
      const { b, c, node } = fabric;
      const [, kernel] = KERNELS;
      await b.must("modprobe -r ib_ipoib");
      await b.must(`/rig/guest/kernel-ipoib ib0 ${kernel}/24`);
      await kernelMode(b, "connected");
      assertEquals(await unresolved(c, [kernel]), []);
      assertEquals(await unanswered(c, [kernel], SIZES), []);
      const before = await node.statistics();
      const lost: string[] = [];
      for (let i = 0; i < RECONNECTIONS; i++) {
        // In datagram mode an interface ends the connections that it has opened.
        for (const mode of ["datagram", "connected"] as const) {
          await Promise.all([kernelMode(b, mode), node.setMode(mode)]);
        }
        lost.push(...await unanswered(c, [kernel], [SIZES[2]!]));
      }
      assertEquals(lost, []);
      const after = await node.statistics();
      const [opened, accepted] = ["connections_opened", "connections_accepted"]
        .map((name) => after[name]! - before[name]!);
      report(`connections opened ${opened}, accepted ${accepted}`);
      assert(opened! >= RECONNECTIONS, `opened ${opened}`);
      assert(accepted! >= RECONNECTIONS, `accepted ${accepted}`);
    },
  );

  Deno.test("ipoib and ib_ipoib reach each other after they return to datagram mode", async () => {
    const { a, c, node } = fabric;
    await allInMode("datagram");
    assertEquals((await node.link()).mtu, 2044);
    assertEquals(await unanswered(c, KERNELS, [SIZES[0]!]), []);
    assertEquals(await unanswered(a, [OURS], [SIZES[0]!]), []);
  });
}
