/** Output of `subnet show`: tables of ports, partitions and groups. */

import { hex } from "../../base/hex.ts";
import { printable } from "../../base/printable.ts";
import { formatRate } from "../../base/rates.ts";
import { formatPkey } from "../../base/units.ts";
import type { SubnetRecord } from "../../ipc/schema.ts";
import { columns } from "./columns.ts";
import type { PlacedPort, PlacedSubnet } from "../subnet_places.ts";
import { partitionOf } from "./partition_colors.ts";
import type { Palette, Style } from "./style.ts";

export function renderSubnet(subnet: PlacedSubnet, style: Style): string {
  const { manager } = subnet;
  const head = `subnet prefix ${subnet.subnetPrefix} mtu ${subnet.mtu} ` +
    `rate ${formatRate(subnet.rateCode)}\n` +
    `manager ${style.palette.name(manager.name)} lid ${hex(manager.lid)} ` +
    `guid ${manager.guid} pid ${manager.pid} ` +
    `host ${printable(manager.host)}\n` +
    dropped(subnet);
  return [
    head,
    ports(subnet, style),
    partitions(subnet, style),
    groups(subnet, style),
    ...(subnet.truncated ? ["Some groups or members are not shown\n"] : []),
  ].join("\n");
}

function ports(subnet: PlacedSubnet, { palette }: Style): string {
  const { ports } = subnet;
  const placed = ports.some(({ netns }) => netns);
  const heading = ["PORT", "LID", "GUID", "PID", "STATE", "PKEYS"];
  const place = ({ netns }: PlacedPort) =>
    netns === "" ? "(initial)" : netns ?? "?";
  const pkeysAt = heading.length - (placed ? 0 : 1);
  return columns(
    placed ? ["PORT", "NETNS", ...heading.slice(1)] : heading,
    ports.map((port) => [
      port.name,
      ...(placed ? [place(port)] : []),
      hex(port.lid),
      port.guid,
      String(port.pid),
      port.state,
      port.pkeys.map(formatPkey).join(","),
    ]),
    (cell, row, column) => {
      if (ports[row]!.state !== "active") return palette.faint(cell);
      if (column !== pkeysAt) return cell;
      return ports[row]!.pkeys.map((pkey) =>
        paintOf(subnet, pkey, palette)(formatPkey(pkey))
      ).join(",");
    },
  );
}

/** Returns the color of the partition of a P_Key; the table of partitions is the legend. */
function paintOf(
  subnet: PlacedSubnet,
  pkey: number,
  { partitions }: Palette,
): (text: string) => string {
  const at = partitionOf(subnet, pkey);
  return at < 0 ? (text) => text : partitions[at % partitions.length]!;
}

/** Returns a line with the counters of dropped frames that are not 0, if there are any. */
function dropped({ dropped }: SubnetRecord): string {
  const counters = Object.entries(dropped ?? {})
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`);
  return counters.length === 0 ? "" : `dropped ${counters.join(" ")}\n`;
}

function partitions(subnet: PlacedSubnet, { palette }: Style): string {
  const { partitions } = subnet;
  return columns(
    ["PARTITION", "PKEY", "IPOIB", "MEMBERS"],
    partitions.map((partition) => [
      partition.name,
      formatPkey(partition.pkey),
      partition.ipoib ? "yes" : "no",
      partition.members.map((m) => `${m.port}=${m.membership}`).join(","),
    ]),
    (cell, row, column) =>
      column > 1 ? cell : paintOf(subnet, partitions[row]!.pkey, palette)(cell),
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
