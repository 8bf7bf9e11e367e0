/** Measures multicast from one end to a group of eight. */

import type { Measurement } from "../measurement.ts";
import { GROUP_RATE, MEMBERS, Members } from "../members.ts";
import { lossPercent, mean } from "../statistics.ts";
import { cpuBetween } from "../subject.ts";

const NAME = `Multicast to ${MEMBERS}, ${GROUP_RATE}/s`;

export const multicast: Measurement = {
  name: "multicast",
  ends: MEMBERS + 1,
  quantities: [
    { name: `${NAME}: received by a member`, unit: "1/s", better: "more" },
    { name: `${NAME}: lost`, unit: "%", better: "less", nearZero: true },
    {
      name: `${NAME}: lost, worst member`,
      unit: "%",
      better: "less",
      nearZero: true,
    },
    { name: `${NAME}: CPU`, unit: "us/delivery", better: "less" },
  ],
  measure: async (subject, { pps, seconds }) => {
    const members = await Members.join(subject, pps);
    try {
      const before = subject.cpu();
      const { sent, received } = await members.send(seconds);
      const cpu = cpuBetween(before, subject.cpu());
      const each = mean(received);
      return [
        each / seconds,
        lossPercent(sent, each),
        lossPercent(sent, Math.min(...received)),
        1e6 * cpu.all / (each * received.length),
      ];
    } finally {
      await members.leave();
    }
  },
};
