/**
 * Measures TCP between interfaces on software InfiniBand ports in virtual machines: this program to the kernel's
 * ib_ipoib, with and without large sends and checksum offload, and ib_ipoib to ib_ipoib. The kernel's interface of guest
 * `a` is one end of every stream.
 */

import { acknowledged } from "../../rig/acknowledgments.ts";
import { Fabric, KERNELS, OURS } from "../../rig/fabric.ts";
import type { Guest } from "../../rig/guest.ts";
import { throughput } from "../../rig/iperf.ts";
import type { Node } from "../../rig/node.ts";
import { RIG_PACKAGES } from "../../rig/tools.ts";
import {
  type GuestMeasurement,
  type Measure,
  type Stage,
  warmUp,
} from "./guest_measurement.ts";

const KERNEL = "ib_ipoib";
const PROGRAM = "ipoib";
const PLAIN = "ipoib, offloads off";
const GBIT = 1e9;
/** IPoIB MTU by the InfiniBand MTU of the ports. */
const MTUS = [[2048, 2044], [4096, 4092]] as const;

const fabric = new Fabric();

/**
 * Measures a stream from the subject to guest `a`, then one in the other direction, and the acknowledgments of the
 * latter.
 */
function bothWays(
  subject: () => Guest,
  node: () => Node | undefined,
  address: string,
): Measure {
  return async (seconds) => {
    const { a } = fabric;
    const away = await throughput(subject(), a, KERNELS[0], seconds);
    let back = 0;
    const { packets, acknowledgments } = await acknowledged(
      subject(),
      node(),
      async () => back = await throughput(a, subject(), address, seconds),
    );
    return [away / GBIT, back / GBIT, 100 * acknowledgments / packets];
  };
}

const ours = bothWays(() => fabric.c, () => fabric.node, OURS);

/** Measures this program while the stack segments and computes checksums itself. */
const withoutOffloads: Measure = async (seconds) => {
  const set = (state: "on" | "off") =>
    fabric.c.must(`ethtool -K ib0 tx ${state} tso ${state}`);
  await set("off");
  try {
    return await ours(seconds);
  } finally {
    await set("on");
  }
};

const subjects = {
  [KERNEL]: bothWays(() => fabric.b, () => undefined, KERNELS[1]),
  [PROGRAM]: ours,
  [PLAIN]: withoutOffloads,
};

const QUANTITIES = [
  { what: "sending", unit: "Gbit/s", better: "more" },
  { what: "receiving", unit: "Gbit/s", better: "more" },
  { what: "acknowledging", unit: "acks/100 segments", better: "less" },
] as const;

/** The first stage uses the ports as booted. */
const stages = MTUS.map(([ibMtu, mtu], i): Stage => ({
  quantities: QUANTITIES.map(({ what, ...quantity }) => ({
    name: `TCP with the kernel, MTU ${mtu}: ${what}`,
    ...quantity,
  })),
  subjects,
  prepare: async () => {
    if (i > 0) await fabric.restart(ibMtu);
    await warmUp(subjects);
  },
}));

export const kernel: GuestMeasurement = {
  name: "kernel",
  columns: [
    { title: KERNEL, subject: KERNEL },
    { title: PROGRAM, subject: PROGRAM },
    { title: `${PROGRAM} / ${KERNEL}`, subject: PROGRAM, to: KERNEL },
    { title: PLAIN, subject: PLAIN },
    { title: `${PROGRAM} / offloads off`, subject: PROGRAM, to: PLAIN },
  ],
  packages: { ...RIG_PACKAGES, iperf3: "iperf3", ethtool: "ethtool" },
  stages,
  start: () => fabric.start(),
  stop: () => fabric.stop(),
};
