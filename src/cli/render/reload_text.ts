/** Output of `subnet reload`: the warnings, then the number of partitions and of changed P_Key tables. */

import type { ReloadRecord } from "../../ipc/schema.ts";

/** Formats the result of a reload, for example `2 partitions from FILE; P_Key tables changed on 1 port`. */
export function renderReload(record: ReloadRecord): string {
  const { file, partitions, ports, warnings } = record;
  const noun = partitions === 1 ? "partition" : "partitions";
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    file === undefined
      ? `${partitions} built-in ${noun}; ${changedTables(ports)}`
      : `${partitions} ${noun} from ${file}; ${changedTables(ports)}`,
    "",
  ].join("\n");
}

function changedTables(ports: number): string {
  return `P_Key tables changed on ${ports} ${ports === 1 ? "port" : "ports"}`;
}
