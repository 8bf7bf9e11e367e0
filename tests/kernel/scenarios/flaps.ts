/** Parallel TCP streams in both directions while the port of ipoib flaps: the streams go on, and the counters add up. */

import { assert, assertEquals } from "@std/assert";
import { Event, raise } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS } from "../../../scripts/rig/fabric.ts";
import { parallelStreams } from "../../../scripts/rig/iperf.ts";
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
 * Time after the last flap, and the end of it in which each stream must carry bytes, at normal machine speed. A stream
 * waits for its retransmission timer, which has doubled with each lost retransmission: on slow machines the queues of 40
 * streams are longer, so more retransmissions are lost and each timer is longer.
 */
const AFTER_SECONDS = 15;
const TAIL_SECONDS = 8;

export function flaps(fabric: Fabric): void {
  fullTest(
    `${STREAMS} streams in each direction survive ${FLAPS} flaps of the port, and the counters add up`,
    async () => {
      const { a, c, node } = fabric;
      await node.clearLog();
      const tailSeconds = c.patient(TAIL_SECONDS);
      const seconds = FLAPS * (DOWN_SECONDS + UP_SECONDS) +
        c.patient(AFTER_SECONDS);
      const bytes = await parallelStreams(
        c,
        a,
        KERNELS[0],
        { count: STREAMS, seconds, tailSeconds },
        () =>
          c.must(
            `for i in $(seq ${FLAPS}); do
               sleep ${UP_SECONDS}; ${raise(Event.Error)}
               sleep ${DOWN_SECONDS}; ${raise(Event.Active)}
             done`,
          ),
      );
      const counters = await node.statistics();
      report(
        `${bytes.length} streams, bytes of each in the last ${tailSeconds} s: ${
          bytes.join(" ")
        }; tx_dropped ${counters.tx_dropped}, rx_dropped ${counters.rx_dropped}`,
      );
      assertEquals(bytes.length, 2 * STREAMS);
      assert(bytes.every((each) => each > 0), `${bytes}`);
      await node.waitForLog("ib0: waiting for the port (down)", 1);
      assertEquals((await node.link()).state, "running");
      assertEquals(wrongSums(counters), []);
    },
  );
}
