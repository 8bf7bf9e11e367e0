/**
 * Output of `subnet show --dot`: the subnet as a Graphviz graph (`ipoib subnet show --dot | dot -Tsvg`).
 *
 * The central node is the switch, whose label shows the subnet manager. Each port is a box; the edge to the switch
 * shows its P_Keys, and a port that is down is shaded. Each partition is an ellipse with edges in its color to its
 * members, dashed for limited members: the ellipses are the legend.
 */

import { hex } from "../../base/hex.ts";
import { formatRate } from "../../base/rates.ts";
import { formatPkey } from "../../base/units.ts";
import type { SubnetRecord } from "../../ipc/schema.ts";
import {
  placedName,
  type PlacedPort,
  type PlacedSubnet,
} from "../subnet_places.ts";
import { FULL, isFull } from "./partition_colors.ts";

/** Colors of partitions, used cyclically. */
const COLORS = ["steelblue", "darkorange", "seagreen", "firebrick", "purple"];

export function renderSubnetDot(subnet: PlacedSubnet): string {
  const { manager, mtu, rateCode } = subnet;
  const lines = [
    "graph subnet {",
    '  graph [label="subnet prefix ' +
    `${subnet.subnetPrefix}, MTU ${mtu}, ${formatRate(rateCode)}", ` +
    'layout=neato, overlap=false, splines=true, fontname="sans-serif"];',
    '  node [fontname="sans-serif", fontsize=10];',
    '  edge [fontname="sans-serif", fontsize=8];',
    `  switch [shape=doubleoctagon, label=${
      quote(
        `switch\nmanager ${manager.name}, LID ${
          hex(manager.lid)
        }\n${manager.guid}`,
      )
    }];`,
    ...subnet.ports.flatMap(portLines),
    ...subnet.partitions.flatMap((partition, i) =>
      partitionLines(partition, i, subnet.ports)
    ),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function portLines(port: PlacedPort): string[] {
  const label = `${placedName(port)}\nLID ${hex(port.lid)}\n${port.guid}` +
    (isActive(port) ? "" : `\n${port.state}`);
  const shade = isActive(port)
    ? ""
    : ', style="filled,dashed", fillcolor=gray85, fontcolor=gray35';
  const style = isActive(port) ? "" : ", style=dashed";
  return [
    `  ${node(port)} [shape=box, label=${quote(label)}${shade}];`,
    `  switch -- ${node(port)} [len=2, label=${
      quote(port.pkeys.map(formatPkey).join("\n"))
    }${style}];`,
  ];
}

function partitionLines(
  partition: SubnetRecord["partitions"][number],
  index: number,
  ports: readonly PlacedPort[],
): string[] {
  const name = quote(`partition ${formatPkey(partition.pkey)}`);
  const color = COLORS[index % COLORS.length]!;
  const label = `${partition.name}\n${formatPkey(partition.pkey | FULL)}` +
    (partition.ipoib ? "\nIPoIB" : "");
  const base = partition.pkey & ~FULL;
  const members = ports.flatMap((port) => {
    const pkeys = port.pkeys.filter((pkey) => (pkey & ~FULL) === base);
    if (pkeys.length === 0) return [];
    const limited = !pkeys.some(isFull);
    return [
      `  ${name} -- ${node(port)} [len=2, color=${color}${
        limited ? ", style=dashed" : ""
      }];`,
    ];
  });
  return [
    `  ${name} [shape=ellipse, color=${color}, label=${quote(label)}];`,
    ...members,
  ];
}

function isActive(port: PlacedPort): boolean {
  return port.state === "active";
}

function node(port: PlacedPort): string {
  return quote(port.guid);
}

/** Formats a quoted string of the DOT language; newlines become `\n`, which centers lines. */
function quote(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
  return `"${escaped}"`;
}
