/** Output of `subnet show`: tables of ports, partitions and groups. */

import { hex } from "../../base/hex.ts";
import { formatRate } from "../../base/rates.ts";
import { formatPkey } from "../../base/units.ts";
import type { SubnetRecord } from "../../ipc/schema.ts";
import { columns } from "./columns.ts";
import type { Style } from "./style.ts";

export function renderSubnet(subnet: SubnetRecord, style: Style): string {
  const { manager } = subnet;
  const head = `subnet prefix ${subnet.subnetPrefix} mtu ${subnet.mtu} ` +
    `rate ${formatRate(subnet.rateCode)}\n` +
    `manager ${style.palette.name(manager.name)} lid ${hex(manager.lid)} ` +
    `guid ${manager.guid} pid ${manager.pid} host ${manager.host}\n` +
    dropped(subnet);
  return [
    head,
    ports(subnet),
    partitions(subnet),
    groups(subnet, style),
    ...(subnet.truncated ? ["Some groups or members are not shown\n"] : []),
  ].join("\n");
}

function ports({ ports }: SubnetRecord): string {
  return columns(
    ["PORT", "LID", "GUID", "PID", "STATE", "PKEYS"],
    ports.map((port) => [
      port.name,
      hex(port.lid),
      port.guid,
      String(port.pid),
      port.state,
      port.pkeys.map(formatPkey).join(","),
    ]),
  );
}

/** Returns a line with the counters of dropped frames that are not 0, if there are any. */
function dropped({ dropped }: SubnetRecord): string {
  const counters = Object.entries(dropped ?? {})
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`);
  return counters.length === 0 ? "" : `dropped ${counters.join(" ")}\n`;
}

function partitions({ partitions }: SubnetRecord): string {
  return columns(
    ["PARTITION", "PKEY", "IPOIB", "MEMBERS"],
    partitions.map((partition) => [
      partition.name,
      formatPkey(partition.pkey),
      partition.ipoib ? "yes" : "no",
      partition.members.map((m) => `${m.port}=${m.membership}`).join(","),
    ]),
  );
}

/** Names of the JoinState bits (IBTA vol. 1 15.2.5.17.3). */
const JOIN_STATES: Array<[number, string]> = [
  [1, "full"],
  [2, "non"],
  [4, "send_only"],
  [8, "send_only_full"],
];

function joinState(bits: number): string {
  return JOIN_STATES.filter(([bit]) => bits & bit).map(([, name]) => name)
    .join("+");
}

function groups(subnet: SubnetRecord, { details }: Style): string {
  return columns(
    [
      "GROUP",
      "MLID",
      "PKEY",
      "QKEY",
      "MTU",
      "RATE",
      "SL",
      "MEMBERS",
    ],
    subnet.groups.map((group) => [
      group.mgid,
      hex(group.mlid),
      formatPkey(group.pkey),
      hex(group.qkey, 8),
      String(group.mtu),
      formatRate(group.rateCode),
      String(group.sl),
      details
        ? group.members.map((m) => `${hex(m.lid)}=${joinState(m.joinState)}`)
          .join(",")
        : String(group.members.length),
    ]),
  );
}
