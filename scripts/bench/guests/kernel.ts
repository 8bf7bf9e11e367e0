/**
 * TCP on a software InfiniBand port in virtual machines: our interface to the kernel's own ib_ipoib, and between two of the
 * kernel's. The one of guest `a` is an end of every stream.
 */

import { Fabric, KERNELS, OURS } from "../../rig/fabric.ts";
import type { Guest } from "../../rig/guest.ts";
import { throughput } from "../../rig/iperf.ts";
import { RIG_PACKAGES } from "../../rig/tools.ts";
import type { GuestMeasurement, Measure, Stage } from "./guest_measurement.ts";

const KERNEL = "ib_ipoib";
const PROGRAM = "ipoib";
const GBIT = 1e9;
const WARM_UP_SECONDS = 1;
/** IPoIB MTU by the InfiniBand MTU of the ports. */
const MTUS = [[2048, 2044], [4096, 4092]] as const;

const fabric = new Fabric();

/** A stream from the subject to guest `a`, then one back. */
function bothWays(subject: () => Guest, address: string): Measure {
  return async (seconds) => {
    const { a } = fabric;
    const away = await throughput(subject(), a, KERNELS[0], seconds);
    const back = await throughput(a, subject(), address, seconds);
    return [away / GBIT, back / GBIT];
  };
}

const subjects = {
  [KERNEL]: bothWays(() => fabric.b, KERNELS[1]),
  [PROGRAM]: bothWays(() => fabric.c, OURS),
};

/** The first stage finds the ports as they are booted. */
const stages = MTUS.map(([ibMtu, mtu], i): Stage => ({
  quantities: ["it sends", "it receives"].map((what) => ({
    name: `TCP with the kernel, MTU ${mtu}: ${what}`,
    unit: "Gbit/s",
    better: "more",
  })),
  subjects,
  prepare: async () => {
    if (i > 0) await fabric.restart(ibMtu);
    for (const measure of Object.values(subjects)) {
      await measure(WARM_UP_SECONDS);
    }
  },
}));

export const kernel: GuestMeasurement = {
  name: "kernel",
  columns: [
    { title: KERNEL, subject: KERNEL },
    { title: PROGRAM, subject: PROGRAM },
    { title: "ipoib to it", subject: PROGRAM, to: KERNEL },
  ],
  packages: { ...RIG_PACKAGES, iperf3: "iperf3" },
  stages,
  start: () => fabric.start(),
  stop: () => fabric.stop(),
};
