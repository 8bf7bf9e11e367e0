/** Measures TCP from one end to two others at the same time. */

import type { Measurement } from "../measurement.ts";
import { tcpStreams } from "../tcp.ts";

const quantity = (what: string) => ({
  name: `Fan-out, TCP: ${what}`,
  unit: "Gbit/s",
  better: "more",
} as const);

export const fanOut: Measurement = {
  name: "fan-out",
  ends: 3,
  quantities: [
    quantity("A to B and C"),
    quantity("A to B"),
    quantity("A to C"),
    { name: "Fan-out, TCP: CPU", unit: "s/GB", better: "less" },
  ],
  measure: async (subject, { seconds }) => {
    const { streams, cpuPerGb } = await tcpStreams(
      subject,
      [[0, 1], [0, 2]],
      seconds,
    );
    const [b, c] = streams.map(({ gbitPerSecond }) => gbitPerSecond);
    return [b! + c!, b!, c!, cpuPerGb.all];
  },
};
