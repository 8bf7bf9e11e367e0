/** Cost of a packet by the size of the tables of neighbours and groups. */

import type { EngineMeasurement } from "./engine_measurement.ts";

const SIZES = ["10", "100", "1000", "10000"];

export const tables: EngineMeasurement = {
  name: "tables",
  columns: [
    ...SIZES.map((subject) => ({ title: `${subject} entries`, subject })),
    ...SIZES.slice(1).map((subject) => ({
      title: `${subject} / 10`,
      subject,
      to: "10",
    })),
  ],
  program: new URL("tables_child.ts", import.meta.url).pathname,
  arguments: () => Promise.resolve([]),
};
