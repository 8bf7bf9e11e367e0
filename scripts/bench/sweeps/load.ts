/** Round trips beside datagrams at a fixed rate. */

import { loadedRtt } from "../ping.ts";
import { lossPercent } from "../statistics.ts";
import { startComparison } from "../subjects.ts";
import type { Sweep } from "../sweep.ts";
import { udp, UDP_SIZE } from "../udp.ts";

export const load: Sweep = {
  name: "load",
  title: `Round trips beside datagrams of ${UDP_SIZE} bytes in one direction`,
  parameter: "datagrams/s",
  settings: [0, 10_000, 25_000, 50_000, 100_000],
  quantities: [
    { name: "Round trip, mean", unit: "us", better: "less", drawn: true },
    { name: "Round trip, minimum", unit: "us", better: "less", drawn: true },
    {
      name: "Datagrams lost",
      unit: "%",
      better: "less",
      nearZero: true,
      drawn: false,
    },
  ],
  start: (subjects, folder) => startComparison(subjects, folder, 2),
  measure: async (subject, { pps, seconds }, setting) => {
    const rate = Number(setting);
    const pings = loadedRtt(subject, seconds);
    const [{ average, smallest }, { sent, received }] = await Promise.all([
      pings,
      rate === 0 ? { sent: 1, received: 1 } : udp(subject, pps, rate, seconds),
    ]);
    return [average, smallest, lossPercent(sent, received)];
  },
};
