/** TCP throughput by MTU: those of datagram mode on a subnet with an IB MTU of 4096 bytes, and that of connected mode. */

import { CONNECTED_MTU, ENCAP_LENGTH } from "../../../src/base/units.ts";
import { setMtu } from "../subject.ts";
import { startComparison } from "../subjects.ts";
import type { Sweep } from "../sweep.ts";
import { tcp } from "../tcp.ts";

const SUBNET_MTU = 4096;
const DATAGRAM_MTU = SUBNET_MTU - ENCAP_LENGTH;

export const mtu: Sweep = {
  name: "mtu",
  title: `TCP by MTU; ${CONNECTED_MTU} in connected mode`,
  parameter: "MTU",
  settings: [576, 1500, 2044, DATAGRAM_MTU, CONNECTED_MTU],
  quantities: [
    { name: "TCP", unit: "Gbit/s", better: "more", drawn: true },
    { name: "CPU", unit: "s/GB", better: "less", drawn: true },
    { name: "CPU, user", unit: "s/GB", better: "less", drawn: false },
  ],
  start: (subjects, folder) =>
    startComparison(subjects, folder, 2, { subnetMtu: SUBNET_MTU }),
  set: async (subject, setting) => {
    const mtu = Number(setting);
    await subject.setMode!(mtu > DATAGRAM_MTU ? "connected" : "datagram");
    await setMtu(subject, mtu);
  },
  measure: async (subject, { seconds }) => {
    const { gbitPerSecond, cpuPerGb } = await tcp(subject, seconds);
    return [gbitPerSecond, cpuPerGb.all, cpuPerGb.user];
  },
};
