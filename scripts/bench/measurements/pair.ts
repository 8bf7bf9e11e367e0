/** Between two ends: idle round trip, one TCP stream, datagrams at a fixed rate. */

import type { Measurement } from "../measurement.ts";
import { idleRtt } from "../ping.ts";
import { lossPercent } from "../statistics.ts";
import { MTU } from "../subject.ts";
import { tcp } from "../tcp.ts";
import { udp, UDP_RATE, UDP_SIZE } from "../udp.ts";

export const roundTrip: Measurement = {
  name: "rtt",
  ends: 2,
  quantities: [{ name: "Idle round trip", unit: "us", better: "less" }],
  measure: async (subject) => [await idleRtt(subject)],
};

export const stream: Measurement = {
  name: "tcp",
  ends: 2,
  quantities: [
    { name: `TCP, MTU ${MTU}`, unit: "Gbit/s", better: "more" },
    { name: `TCP, MTU ${MTU}: CPU`, unit: "s/GB", better: "less" },
    {
      name: `TCP, MTU ${MTU}: sent again`,
      unit: "segments/GB",
      better: "less",
      nearZero: true,
    },
  ],
  measure: async (subject, { seconds }) => {
    const { gbitPerSecond, cpuSecondsPerGb, retransmits, bytes } = await tcp(
      subject,
      seconds,
    );
    return [gbitPerSecond, cpuSecondsPerGb, retransmits / (bytes / 1e9)];
  },
};

const UDP = `UDP, ${UDP_SIZE} octets, ${UDP_RATE}/s`;

export const datagrams: Measurement = {
  name: "udp",
  ends: 2,
  quantities: [
    { name: `${UDP}: lost`, unit: "%", better: "less", nearZero: true },
    { name: `${UDP}: CPU`, unit: "us/packet", better: "less" },
  ],
  measure: async (subject, { pps, seconds }) => {
    const { sent, received, cpuSeconds } = await udp(subject, pps, seconds);
    return [lossPercent(sent, received), 1e6 * cpuSeconds / received];
  },
};
