/** Builds the snapshot of the subnet that `ipoib subnet show` prints. */

import { formatGuid } from "../base/hex.ts";
import { ibMtuBytes } from "../base/units.ts";
import { formatGid } from "../wire/gid.ts";
import type { DropReason } from "./frame_drops.ts";
import type { SubnetGroup } from "./groups.ts";
import { MAX_TEXT, PROTOCOL_VERSION, type SubnetSnapshot } from "./messages.ts";
import type { Partition } from "./partitions.ts";
import { SM_LID } from "./ports.ts";
import { LINK } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/** The manager's port and process. */
export interface ManagerInfo {
  /** GUID of the manager's own port. It is never assigned to another port. */
  guid: bigint;
  pid: number;
  host: string;
  /** Name of the interface whose process runs the manager, or `subnet run`. */
  name: string;
}

/** Returns the snapshot of a subnet. `dropped` has the number of dropped frames by reason. */
export function takeSnapshot(
  subnet: Subnet,
  manager: ManagerInfo,
  dropped: Record<DropReason, number>,
): SubnetSnapshot {
  return {
    version: PROTOCOL_VERSION,
    subnetPrefix: formatGuid(subnet.prefix),
    mtu: ibMtuBytes(subnet.mtuCode)!,
    rateCode: LINK.rateCode,
    manager: { ...manager, lid: SM_LID, guid: formatGuid(manager.guid) },
    ports: [...subnet.ports].map((port) => ({
      lid: port.lid,
      guid: formatGuid(port.guid),
      name: port.name,
      pid: port.pid,
      pkeys: [...port.pkeys],
      state: port.active ? "active" : "down",
    })).sort((a, b) => a.lid - b.lid),
    partitions: subnet.partitions.map(partitionEntry),
    groups: [...subnet.groups].map(groupEntry).sort((a, b) => a.mlid - b.mlid),
    dropped,
  };
}

/** Maximum length of a partition's name in a shortened snapshot. */
const SHORT_NAME = 64;

/** Returns the snapshot without members and with limited numbers and names, so that it fits in a frame. */
export function shortened(snapshot: SubnetSnapshot): SubnetSnapshot {
  return {
    ...snapshot,
    ports: snapshot.ports.slice(0, 64),
    groups: snapshot.groups.slice(0, 192)
      .map((group) => ({ ...group, members: [] })),
    partitions: snapshot.partitions.slice(0, 64)
      .map((partition) => ({
        ...partition,
        name: partition.name.slice(0, SHORT_NAME),
        members: [],
      })),
    truncated: true,
  };
}

function partitionEntry(
  partition: Partition,
): SubnetSnapshot["partitions"][number] {
  return {
    name: partition.name.slice(0, MAX_TEXT),
    pkey: partition.pkey,
    ipoib: partition.ipoib !== undefined,
    members: partition.members.map((member) => ({
      port: typeof member.port === "bigint"
        ? formatGuid(member.port)
        : member.port,
      membership: member.membership,
    })),
  };
}

function groupEntry(group: SubnetGroup): SubnetSnapshot["groups"][number] {
  return {
    mgid: formatGid(group.mgid),
    mlid: group.mlid,
    pkey: group.pkey,
    qkey: group.qkey,
    mtu: ibMtuBytes(group.mtu) ?? 0,
    rateCode: group.rate,
    sl: group.sl,
    permanent: group.permanent,
    members: [...group.members.values()].map((member) => ({
      lid: member.port.lid,
      guid: formatGuid(member.port.guid),
      joinState: member.joinState,
    })).sort((a, b) => a.lid - b.lid),
  };
}
