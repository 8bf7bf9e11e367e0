/** TCP between ipoib and ib_ipoib. */

import { assert } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { megabits, throughput } from "../../../scripts/rig/iperf.ts";
import { report } from "../../../scripts/rig/report.ts";

const SECONDS = 2;

/** Registers the test by `register`: {@linkcode Deno.test}, or the function that registers tests of the full form. */
export function iperf(
  fabric: Fabric,
  mtu: number,
  register: (name: string, fn: () => Promise<void>) => void,
): void {
  register(
    `TCP between ipoib and ib_ipoib works in both directions with MTU ${mtu}`,
    async () => {
      const { a, c } = fabric;
      const sent = await throughput(c, a, KERNELS[0], SECONDS);
      const received = await throughput(a, c, OURS, SECONDS);
      report(
        `MTU ${mtu}: sending ${megabits(sent)}, receiving ${
          megabits(received)
        }`,
      );
      assert(sent > 0);
      assert(received > 0);
    },
  );
}
