/**
 * Measures TCP between two interfaces of this program over the kernel's soft RoCE (rdma_rxe) on one virtual machine,
 * with and without large sends, checksum offload and coalescing.
 */

import type { Guest } from "../../rig/guest.ts";
import { throughput } from "../../rig/iperf.ts";
import { Rig } from "../../rig/rig.ts";
import { createRoceDevices, ROCE_NODES, upRoceNode } from "../../rig/roce.ts";
import { RIG_PACKAGES } from "../../rig/tools.ts";
import {
  type GuestMeasurement,
  type Measure,
  warmUp,
} from "./guest_measurement.ts";

const PROGRAM = "ipoib";
const PLAIN = "ipoib, offloads off";
const GBIT = 1e9;
/** MTU of the Ethernet link: an InfiniBand packet of 2048 bytes with its headers fits, one of 4096 bytes does not. */
const LINK_MTU = 2300;
const [ONE, TWO] = ROCE_NODES;

let rig: Rig<"one"> | undefined;

function guest(): Guest {
  if (!rig) throw new Error("The rig has not started");
  return rig.guests.s;
}

const stream: Measure = async (seconds) => {
  const [client, server] = ROCE_NODES.map(({ netns }) =>
    guest().inNamespace(netns)
  );
  return [
    await throughput(client!, server!, TWO.address, seconds) / GBIT,
  ];
};

/** Sets the offloads of both interfaces. The command of the program has them all, `ethtool` those of the stack. */
async function setOffloads(state: "on" | "off"): Promise<void> {
  for (const { netns, name } of [ONE, TWO]) {
    await guest().must(
      `ipoib -n ${netns} ethtool -K ${name} tx ${state} tso ${state} gro ${state}`,
    );
  }
}

const withoutOffloads: Measure = async (seconds) => {
  await setOffloads("off");
  try {
    return await stream(seconds);
  } finally {
    await setOffloads("on");
  }
};

const subjects = { [PROGRAM]: stream, [PLAIN]: withoutOffloads };

export const roce: GuestMeasurement = {
  name: "roce",
  columns: [
    { title: PROGRAM, subject: PROGRAM },
    { title: PLAIN, subject: PLAIN },
    { title: `${PROGRAM} / offloads off`, subject: PROGRAM, to: PLAIN },
  ],
  packages: { ...RIG_PACKAGES, iperf3: "iperf3" },
  stages: [{
    quantities: [{
      name: "TCP over rdma_rxe, MTU 2044",
      unit: "Gbit/s",
      better: "more",
    }],
    subjects,
    prepare: async () => {
      await createRoceDevices(guest(), LINK_MTU);
      for (const node of ROCE_NODES) await upRoceNode(guest(), node);
      await warmUp(subjects);
    },
  }],
  start: async () => {
    rig = await Rig.start("one");
  },
  stop: async () => {
    await rig?.stop();
  },
};
