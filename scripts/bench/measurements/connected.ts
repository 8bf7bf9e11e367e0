/** TCP in connected mode. The yardsticks have no modes: their devices get the MTU of connected mode. */

import { CONNECTED_MTU } from "../../../src/base/units.ts";
import type { Measurement } from "../measurement.ts";
import { tcp } from "../tcp.ts";
import { warmUp } from "../warm_up.ts";

const NAME = `TCP, connected, MTU ${CONNECTED_MTU}`;

export const connectedStream: Measurement = {
  name: "connected",
  ends: 2,
  quantities: [
    { name: NAME, unit: "Gbit/s", better: "more" },
    { name: `${NAME}: CPU`, unit: "s/GB", better: "less" },
    { name: `${NAME}: CPU, user`, unit: "s/GB", better: "less" },
  ],
  suits: ({ setMode }) => setMode !== undefined,
  measure: async (subject, { pps, seconds }) => {
    await subject.setMode!("connected");
    try {
      // In the mode, so that connections are established.
      await warmUp(subject, pps);
      const { gbitPerSecond, cpuPerGb } = await tcp(subject, seconds);
      return [gbitPerSecond, cpuPerGb.all, cpuPerGb.user];
    } finally {
      await subject.setMode!("datagram");
    }
  },
};
