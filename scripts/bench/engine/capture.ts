/** Cost of a capture per packet: for the data worker without and with a capture, and for the reader of the capture. */

import type { EngineMeasurement } from "./engine_measurement.ts";

export const capture: EngineMeasurement = {
  name: "capture",
  columns: [
    { title: "no capture", subject: "off" },
    { title: "data worker", subject: "worker" },
    { title: "capturing process", subject: "reader" },
  ],
  program: new URL("capture_child.ts", import.meta.url).pathname,
  arguments: () => Promise.resolve([]),
};
