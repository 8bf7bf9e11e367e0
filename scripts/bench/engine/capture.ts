/** Cost of a capture per packet: for the data worker while nobody captures and while one does, and for its reader. */

import type { EngineMeasurement } from "./engine_measurement.ts";

export const capture: EngineMeasurement = {
  name: "capture",
  columns: [
    { title: "nobody captures", subject: "off" },
    { title: "data worker", subject: "worker" },
    { title: "capturing process", subject: "reader" },
  ],
  program: new URL("capture_child.ts", import.meta.url).pathname,
  arguments: () => Promise.resolve([]),
};
