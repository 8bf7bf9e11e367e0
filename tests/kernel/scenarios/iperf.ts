/** TCP between the kernel's interface and ours, both ways. */

import { assert } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { report } from "../../../scripts/rig/report.ts";
import { throughput } from "../../../scripts/rig/throughput.ts";

const SECONDS = 2;
const MBIT = 1e6;

/** Registers it with {@linkcode Deno.test}, or as a test of the full form. */
export function iperf(
  fabric: Fabric,
  mtu: number,
  register: (name: string, fn: () => Promise<void>) => void,
): void {
  register(
    `iperf3 with MTU ${mtu} runs from our interface to the kernel's, and back`,
    async () => {
      const { a, c } = fabric;
      const away = await throughput(c, a, KERNELS[0], SECONDS);
      const back = await throughput(a, c, OURS, SECONDS);
      const mbit = (bits: number) => `${(bits / MBIT).toFixed(1)} Mbit/s`;
      report(`MTU ${mtu}: sending ${mbit(away)}, receiving ${mbit(back)}`);
      assert(away > 0);
      assert(back > 0);
    },
  );
}
