/** Parallel TCP streams in both directions while the port of ipoib flaps: the streams go on, and the counters add up. */

import { assertEquals } from "@std/assert";
import { Event, raise } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS } from "../../../scripts/rig/fabric.ts";
import { startStreams, streamsProceed } from "../../../scripts/rig/iperf.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { wrongSums } from "../../statistics_sums.ts";

/** Streams of each direction. */
const STREAMS = 20;
const FLAPS = 3;
const DOWN_SECONDS = 1;
/** Time before and between the flaps. */
const UP_SECONDS = 2;
/**
 * Time after the last flap until each stream has carried further bytes, at normal machine speed. A stream waits for its
 * retransmission timer, which doubles with each lost retransmission, up to 120 s (TCP_RTO_MAX), and 40 streams lose many.
 */
const PROCEED_SECONDS = 120;
/** Longer than the test. */
const STREAM_SECONDS = 3600;

export function flaps(fabric: Fabric): void {
  fullTest(
    `${STREAMS} streams in each direction survive ${FLAPS} flaps of the port, and the counters add up`,
    async () => {
      const { a, c, node } = fabric;
      await node.clearLog();
      const end = await startStreams(
        c,
        a,
        KERNELS[0],
        STREAM_SECONDS,
        0,
        STREAMS,
      );
      await c.must(
        `for i in $(seq ${FLAPS}); do
           sleep ${UP_SECONDS}; ${raise(Event.Error)}
           sleep ${DOWN_SECONDS}; ${raise(Event.Active)}
         done`,
      );
      const seconds = await streamsProceed(a, PROCEED_SECONDS, 2 * STREAMS);
      await end();
      const counters = await node.statistics();
      report(
        `${2 * STREAMS} streams proceed ${
          seconds.toFixed(0)
        } s after the last flap; tx_dropped ${counters.tx_dropped}, rx_dropped ${counters.rx_dropped}`,
      );
      await node.waitForLog("ib0: waiting for the port (down)", 1);
      assertEquals((await node.link()).state, "running");
      assertEquals(wrongSums(counters), []);
    },
  );
}
