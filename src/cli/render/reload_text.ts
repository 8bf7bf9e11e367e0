/** `subnet reload`: what was read, and what of it is not used. */

import type { ReloadRecord } from "../../ipc/schema.ts";

export function renderReload(record: ReloadRecord): string {
  const { file, partitions, ports, warnings } = record;
  const from = file === undefined ? "built in" : `from ${file}`;
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    `${partitions} ${partitions === 1 ? "partition" : "partitions"} ${from}; ` +
    `${ports} ${ports === 1 ? "port has" : "ports have"} another P_Key table`,
    "",
  ].join("\n");
}
